"""A classifier as encoder: what its last layer reads, against timm's own features; kept in the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_models import CARD, network, pictures, save_checkpoint

from harness.encoder import Encoder, LastLayer
from harness.errors import UsageError
from harness.models.card import Card
from harness.models.network import LoadedNetwork
from harness.predictor import Predictor
from harness.settings import Settings
from harness.suite import Filters, Suite

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
N = 12


@pytest.fixture
def start(tmp_path: Path):
    for number, pixels in enumerate(pictures(N)):
        path = tmp_path / "data" / "faces" / "test" / CARD["labels"][number % 3] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    save_checkpoint(tmp_path / "tiny.safetensors", CARD)
    (tmp_path / "suite.toml").write_text(SUITE)

    def start() -> Predictor:
        settings = Settings(data_root=tmp_path / "data", store=tmp_path / "store", device="cpu", batch_size=5)
        return Predictor(Suite.read(tmp_path / "suite.toml"), settings)

    return start


def timms_features(images):
    import torch

    batch = (torch.tensor(np.stack(images)[:, None]) / 255 - 0.5) / 0.25
    with torch.inference_mode():
        module = network(CARD)
        return module.forward_head(module.forward_features(batch), pre_logits=True).numpy()


def test_embeddings_are_what_timm_calls_features_before_the_head(start):
    predictor = start()
    dataset = predictor.dataset("faces", "test")
    found = Encoder(predictor, "tiny").embed("faces:test", "none")
    expected = timms_features([dataset.pixels(index) for index in range(N)])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_they_are_made_once_beside_the_answers_and_apart_by_restoration(start):
    predictor = start()
    encoder = Encoder(predictor, "tiny")
    plain, larger = encoder.embed("faces:test", "none"), encoder.embed("faces:test", "nearest")
    assert predictor.loads == {"tiny": 2}
    assert not np.allclose(plain, larger)
    again = start()
    assert np.array_equal(Encoder(again, "tiny").embed("faces:test", "none"), plain)
    assert again.loads == {}
    cells = again.suite.cells(again.suite.profile("default"), Filters())
    answers = again.predictions(cells[0])
    assert answers.probabilities is not None
    assert again.loads == {"tiny": 1}


def test_a_network_without_a_linear_last_layer_is_named():
    import torch

    card = Card(**{**CARD, "labels": ("a", "b"), "input_size": (8, 8), "mean": (0.5,), "std": (0.2,)})
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 8), torch.nn.Flatten())
    loaded = LoadedNetwork(module.eval(), card, "cpu", "float32")
    with pytest.raises(UsageError, match="does not end in a linear layer of 2 labels"):
        LastLayer(loaded).embed_images(pictures(2, (8, 8)))
