"""A classifier as encoder: what its last layer reads, against timm's own features; kept in the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_models import CARD, network, pictures, save_checkpoint

from harness.engine import Bench, Embedding, Evidence, Local, Source, make_plan
from harness.engine.respondents.begun import begin, prepare
from harness.engine.respondents.features import last_layer
from harness.errors import UsageError
from harness.models.card import Card
from harness.models.network import LoadedNetwork
from harness.predictions import Cell
from harness.settings import Settings
from harness.stimuli import Picture
from harness.suite import Suite

SUITE = """
[profiles.default]
datasets = ["faces:test"]
restorations = ["none", "nearest"]
[datasets.faces]
adapter = "images"
space = ["happy", "sad", "neutral"]
[models.tiny]
adapter = "timm"
checkpoint = "tiny.safetensors"
"""
N, CELL = 12, Cell("tiny", "faces", "test")


@pytest.fixture
def start(tmp_path: Path):
    for number, pixels in enumerate(pictures(N)):
        path = tmp_path / "data" / "faces" / "test" / CARD["labels"][number % 3] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    save_checkpoint(tmp_path / "tiny.safetensors", CARD)
    (tmp_path / "suite.toml").write_text(SUITE)

    def start(*restorations: str, cells: Sequence[Cell] = ()) -> Evidence:
        settings = Settings(data_root=tmp_path / "data", store=tmp_path / "store", device="cpu", batch_size=5)
        bench = Bench(Suite.read(tmp_path / "suite.toml"), settings)
        wanted = [Embedding("tiny", Source("faces", "test", restoration=name)) for name in restorations]
        return Evidence(bench, Local(bench).run(make_plan(bench, cells, wanted)))

    return start


def timms_features(images):
    import torch

    batch = (torch.tensor(np.stack(images)[:, None]) / 255 - 0.5) / 0.25
    with torch.inference_mode():
        module = network(CARD)
        return module.forward_head(module.forward_features(batch), pre_logits=True).numpy()


def test_embeddings_are_what_timm_calls_features_before_the_head(start):
    evidence = start("none")
    dataset = evidence.bench.dataset("faces", "test")
    found = evidence.embeddings("tiny", "faces:test", "none")
    expected = timms_features([dataset.pixels(index) for index in range(N)])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_they_are_made_once_beside_the_answers_and_apart_by_restoration(start):
    first = start("none", "nearest")
    plain, larger = (first.embeddings("tiny", "faces:test", name) for name in ("none", "nearest"))
    assert first.report.loads == {"restore": {"nearest": 1}, "answer": {"tiny": 1}}
    assert not np.allclose(plain, larger)
    again = start("none", "nearest", cells=[CELL])
    assert np.array_equal(again.embeddings("tiny", "faces:test", "none"), plain)
    assert again.report.loads["answer"] == {"tiny": 1}  # for the answers alone
    assert again.predictions(CELL).probabilities is not None
    assert start("none", "nearest", cells=[CELL]).report.loads == {"restore": {}, "answer": {}}


def test_answers_and_embeddings_of_one_model_take_one_load(start):
    evidence = start("none", cells=[CELL])
    assert evidence.report.loads["answer"] == {"tiny": 1}
    head, space = network(CARD).get_classifier(), evidence.bench.dataset("faces", "test").space
    weights, bias = (value.detach().numpy() for value in (head.weight, head.bias))
    scores = np.exp(evidence.embeddings("tiny", "faces:test", "none") @ weights.T + bias)
    expected = scores / scores.sum(axis=1, keepdims=True)
    of_label = [CARD["labels"].index(label) for label in space.labels]
    np.testing.assert_allclose(evidence.predictions(CELL).probabilities, expected[:, of_label], atol=1e-4)


def test_a_network_without_a_linear_last_layer_is_named():
    import torch

    card = Card(**{**CARD, "labels": ("a", "b"), "input_size": (8, 8), "mean": (0.5,), "std": (0.2,)})
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 8), torch.nn.Flatten())
    loaded = LoadedNetwork(module.eval(), card, "cpu", "float32")
    with pytest.raises(UsageError, match="does not end in a linear layer of 2 labels"):
        last_layer(loaded, pictures(2, (8, 8)))


class Plain:
    def prepare(self, images):
        return "prepared"

    def forward(self, prepared):
        return prepared

    def classify(self, images):
        return self.forward(self.prepare(images))


class Overridden(Plain):
    def classify(self, images):
        return "its own"


class Whole:
    def classify(self, images):
        return "whole"


@pytest.mark.parametrize(("kind", "found"), [(Plain, "prepared"), (Overridden, "its own"), (Whole, "whole")])
def test_what_a_subclass_does_with_pictures_is_not_passed_by(kind, found):
    loaded = kind()
    ready = prepare(loaded, {"digest": Picture(np.zeros((2, 2), np.uint8))}, "image")
    assert begin(loaded, ready, loaded.classify).numbers == found
