"""What is loaded is what the identity names, whatever happens to the files meanwhile."""

from __future__ import annotations

import json
import os
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from counting import LABELS, make_dataset
from evaluating import answers, project
from filelock import FileLock
from tiny_suite import SUITE

from harness.engine import Bench, Evidence, Local, make_plan
from harness.engine.asked import Asked
from harness.engine.fill import compute
from harness.engine.held import Held
from harness.engine.respondents.base import scored_rows
from harness.engine.work import find_work
from harness.errors import HarnessWarning, ModelError
from harness.identity import Identity
from harness.models import Context
from harness.models.contrastive import OpenClipModel
from harness.models.generative import TransformersModel
from harness.models.registry import ADAPTERS
from harness.models.timm_classifier import TimmClassifier
from harness.models.what_the_face import WhatTheFace
from harness.predictions import Cell
from harness.restoration.gfpgan import Gfpgan
from harness.tools.digests import file_digest
from harness.tools.third_party import warnings_never_raise

CARD = {
    "architecture": "resnet18",
    "labels": list(LABELS),
    "in_chans": 1,
    "input_size": [8, 8],
    "mean": [0.5],
    "std": [0.5],
}
CLIP = {"model_cfg": {"embed_dim": 8, "vision_cfg": {}, "text_cfg": {"hf_tokenizer_name": "x"}}}
FILES = {
    "net.safetensors": "weights",
    "net.json": json.dumps(CARD),
    "face.pth": "weights",
    "clip/open_clip_config.json": json.dumps(CLIP),
    "clip/open_clip_model.safetensors": "weights",
    "clip/tokenizer.json": "{}",
    "clip/merges.txt": "a b",
    "vlm/config.json": json.dumps({"architectures": ["Llava"]}),
    "vlm/model.safetensors.index.json": json.dumps({"weight_map": {"a": "one.safetensors"}}),
    "vlm/one.safetensors": "weights",
    "vlm/tokenizer.json": "{}",
    "vlm/preprocessor_config.json": "{}",
    "vlm/additional_chat_templates/plain.jinja": "{{ text }}",
}


def timm(context: Context):
    return TimmClassifier(context=context, checkpoint="net.safetensors")


def clip(context: Context):
    return OpenClipModel(context=context, model="clip")


def vlm(context: Context):
    return TransformersModel(context=context, model="vlm")


def face(context: Context):
    model = WhatTheFace(context=context)
    model.path = context.suite_folder / "face.pth"
    return model


def gfpgan(context: Context):
    return Gfpgan(context=context, weights="face.pth")


@pytest.fixture
def context(tmp_path) -> Context:
    for name, body in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(body)
    return Context(tmp_path / "data", tmp_path)


def identities(model):
    named = () if isinstance(model, Gfpgan) else ("float32",)
    return lambda: model.identity("cpu", *named)


READ = [
    (timm, "net.safetensors"),
    (face, "face.pth"),
    (gfpgan, "face.pth"),
    *((clip, name) for name in FILES if name.startswith("clip/")),
    *((vlm, name) for name in FILES if name.startswith("vlm/")),
]


@pytest.mark.parametrize(("make", "name"), READ, ids=[f"{make.__name__}-{name}" for make, name in READ])
def test_a_file_that_changes_before_or_while_it_is_loaded_is_noticed(context, make, name):
    identify = identities(make(context))
    identity, path = identify(), context.suite_folder / name

    def replace() -> None:
        body = path.read_bytes()
        stat = path.stat()
        path.with_suffix(".new").write_bytes(body + b" " if b"{" in body else body.swapcase())
        os.replace(path.with_suffix(".new"), path)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as rsync and cp -p leave it

    Held(identity, identify, lambda: None)
    with pytest.raises(ModelError, match=r"Files of .* have changed while the run was going on.*Run again\."):
        Held(identity, identify, replace)
    with pytest.raises(ModelError, match="have changed"):
        Held(identity, identify, lambda: pytest.fail("loaded although the files are others"))


def test_a_file_that_is_gone_is_noticed_too(context):
    identify = identities(timm(context))
    with pytest.raises(ModelError, match="have changed"):
        Held(identify(), identify, (context.suite_folder / "net.safetensors").unlink)


def test_a_file_that_changes_between_two_batches_stops_the_run_there(context, store):
    """Weights are mapped into memory, not copied: whoever writes into the file writes into the model."""
    path = context.suite_folder / "net.safetensors"

    def identify() -> Identity:
        return Identity(model="test", weights=file_digest(path), labels=LABELS)

    batches = []

    def respond(loaded, images, asked):
        batches.append(len(images))
        if len(batches) == 3:
            path.write_bytes(b"others!")
        scores = np.eye(3, dtype=np.float32)[[int(image.pixels[0, 0]) for image in images.values()]]
        return [scored_rows(images, scores, LABELS, one.identity, 0.0) for one in asked]

    identity, dataset = identify(), make_dataset(20)
    held = Held(identity, identify, lambda: None)
    work = [(Asked(identity), find_work(identity, dataset, store))]
    with pytest.raises(ModelError, match="have changed"):
        compute(
            work,
            dataset,
            lambda images, asked: held.kept(lambda loaded: respond(loaded, images, asked)),
            store,
            batch_size=4,
        )
    assert len(store.read(identity)) == 8
    assert store.read(identify()).empty


class Filed:
    """A model whose weights are a file with a number."""

    labels, trained_on = ("angry", "happy", "sad"), None

    def __init__(self, *, context: Context) -> None:
        self.path, self.correct = context.find("answer.txt"), {}

    def identity(self, device: str, dtype: str) -> Identity:
        return Identity(model="weighty", weights=file_digest(self.path), labels=self.labels)

    def load(self, device: str, dtype: str) -> Filed:
        self.answer = int(self.path.read_text())
        return self


class Weighty(Filed):
    """A classifier that always answers the label of this number."""

    capability = "classifier"

    def classify(self, images):
        return np.eye(3, dtype=np.float32)[[self.answer] * len(images)]


def test_weights_replaced_while_a_run_waits_for_the_lock_of_their_model(tmp_path, monkeypatch):
    monkeypatch.setitem(ADAPTERS, "weighty", f"{__name__}:Weighty")
    (tmp_path / "answer.txt").write_text("0")
    models = '[models.weighty]\nadapter = "weighty"\n'
    run, cell = project(tmp_path, SUITE.partition("[models")[0] + models), Cell("weighty", "tiny", "test")
    opened = Bench(*run)
    before = opened.respondent("weighty").identity
    lock = opened.store.lock_path(before)
    lock.parent.mkdir(parents=True)
    with ThreadPoolExecutor(1) as pool:
        with FileLock(lock):
            waiting = pool.submit(Local(opened).run, make_plan(opened, [cell]))
            time.sleep(0.5)
            (tmp_path / "answer.txt").write_text("2")
        report = waiting.result(60)
    with pytest.raises(ModelError, match="have changed while the run was going on"):
        Evidence(opened, report).predictions(cell)
    assert opened.store.read(before).empty

    assert set(answers(*run, cell).table["label"]) == {"sad"}
    (tmp_path / "answer.txt").write_text("0")
    assert set(answers(*run, cell).table["label"]) == {"angry"}


class Captioned(Filed):
    """A contrastive model whose weights another process replaces while it embeds texts."""

    capability, labels, logit_scale = "contrastive", (), 1.0

    def embed_images(self, images):
        return np.eye(3, dtype=np.float32)[[self.answer] * len(images)]

    def embed_texts(self, texts):
        self.path.write_text("2")
        return np.ones((len(texts), 3), np.float32) / np.sqrt(3)


def test_texts_embedded_while_the_weights_are_replaced_are_not_kept(tmp_path, monkeypatch):
    monkeypatch.setitem(ADAPTERS, "captioned", f"{__name__}:Captioned")
    (tmp_path / "answer.txt").write_text("0")
    models = '[models.captioned]\nadapter = "captioned"\n'
    opened = Bench(*project(tmp_path, SUITE.partition("[models")[0] + models))
    cell = Cell("captioned", "tiny", "test", prompt="plain")
    (planned,) = (plan := make_plan(opened, [cell])).jobs
    model = opened.respondent("captioned")
    report = Local(opened).run(plan)
    with pytest.raises(ModelError, match="have changed while the run was going on"):
        Evidence(opened, report).predictions(cell)
    assert model.lacks(planned.asked)
    assert opened.store.read(model.identity).empty


def test_a_library_that_warns_changes_nothing_where_warnings_are_errors(identity, store):
    def load() -> str:
        warnings.warn("Mapping deprecated model name.", FutureWarning, stacklevel=1)
        return "loaded"

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("error")
        held = Held(identity, lambda: identity, load)
        assert held.loaded == "loaded"
        with pytest.raises(UserWarning):
            warnings.warn("An error again.", UserWarning, stacklevel=1)
    assert [str(one.message) for one in shown] == ["Mapping deprecated model name."]


def test_lenience_keeps_every_filter_that_is_no_error():
    with warnings.catch_warnings(record=True) as shown:
        warnings.resetwarnings()
        warnings.filterwarnings("error")
        warnings.filterwarnings("ignore", "quiet.*", FutureWarning)
        warnings.filterwarnings("error", "loud.*", HarnessWarning, __name__)
        with warnings_never_raise():
            warnings.warn("quiet please", FutureWarning, stacklevel=1)
            warnings.warn("loud and clear", HarnessWarning, stacklevel=1)
    assert [str(one.message) for one in shown] == ["loud and clear"]


def test_looking_at_the_files_again_costs_next_to_nothing(context):
    """It is done with every batch; old files are not read again."""
    for name in FILES:
        os.utime(context.suite_folder / name, ns=(1, 1))
    time.sleep(2.1)
    identify = identities(vlm(context))
    identify()
    started = time.perf_counter()
    for _ in range(20):
        identify()
    assert (time.perf_counter() - started) / 20 < 0.02


def test_weights_that_the_config_of_a_vlm_names_are_the_ones_in_the_key(context):
    folder = context.suite_folder / "vlm"
    (folder / "own.safetensors").write_text("own")
    (folder / "config.json").write_text(
        json.dumps({"architectures": ["Llava"], "transformers_weights": "own.safetensors"})
    )
    assert [path.name for path in vlm(context).snapshot.weights] == ["own.safetensors"]
