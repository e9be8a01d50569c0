"""A checkpoint with its card answers as the bare network does, or says in one line why it cannot."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_models import CARD, network, pictures, save_checkpoint, write_card

from harness.datasets import load_dataset
from harness.errors import ModelError, Unavailable, UsageError
from harness.models import Classifier, Context, RunnableModel, build_model
from harness.models.ahead import Preparing
from harness.models.timm_classifier import TimmClassifier


def model(context: Context, checkpoint: str = "net.safetensors", **options) -> TimmClassifier:
    return TimmClassifier(context=context, checkpoint=checkpoint, **options)


def forward(card: dict, images: list[np.ndarray], seed: int = 0, **options) -> np.ndarray:
    """Probabilities of the bare network on images of its own size, without the harness."""
    import torch

    batch = np.stack(images)[:, None].astype(np.float32) / 255
    normalised = (batch - card["mean"][0]) / card["std"][0]
    with torch.inference_mode():
        return network(card, seed, **options)(torch.from_numpy(normalised)).softmax(1).numpy()


def test_answers_as_the_bare_network_does(context):
    ours = model(context)
    loaded = ours.load("cpu", "float32")
    assert isinstance(ours, RunnableModel)
    assert isinstance(loaded, Classifier)
    assert isinstance(loaded, Preparing)
    images = pictures(9)
    probabilities = loaded.classify(images)
    np.testing.assert_array_equal(loaded.forward(loaded.prepare(images)).numpy(), probabilities)
    assert (probabilities.shape, probabilities.dtype) == ((9, 3), np.float32)
    np.testing.assert_allclose(probabilities, forward(CARD, images), atol=1e-6)
    np.testing.assert_allclose(
        np.concatenate([loaded.classify([image]) for image in images]), probabilities, atol=1e-6
    )


def test_a_transformer_trained_on_small_images_loads_at_their_size(folder, context):
    card = {**CARD, "architecture": "test_vit", "input_size": [48, 48]}
    save_checkpoint(folder / "vit.safetensors", card, img_size=(48, 48))
    images = pictures(3, (48, 48))
    ours = model(context, "vit.safetensors").load("cpu", "float32").classify(images)
    np.testing.assert_allclose(ours, forward(card, images, img_size=(48, 48)), atol=1e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_answers_nearly_the_same(context, dtype):
    images = pictures(8)
    half = model(context).load("cpu", dtype).classify(images)
    assert half.dtype == np.float32
    np.testing.assert_allclose(half.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(half, forward(CARD, images), atol=0.03)


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: b"",
        lambda body: body[:5],
        lambda body: body[:1000],
        lambda body: body[:-1],
        lambda body: body + b"\0",
        lambda body: b"\x80\x04PK not safetensors" * 50,
        lambda body: b"PK\x03\x04" + body,
        lambda body: (2**40).to_bytes(8, "little") + body[8:],
    ],
    ids=["empty", "5-bytes", "1000-bytes", "a-byte-short", "a-byte-long", "pickle", "zip", "huge-header"],
)
def test_a_corrupt_checkpoint_is_named(folder, context, damage):
    path = folder / "net.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelError, match=r"checkpoint .*net\.safetensors is corrupt \(.*\)\. Fetch or train"):
        model(context).load("cpu", "float32")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ["happy", "sad"]}, "test_resnet with 2 classes and 1 channels .*fc.weight"),
        ({"in_chans": 3, "mean": [0] * 3, "std": [1] * 3}, "3 classes and 3 channels .*conv1"),
        ({"architecture": "test_efficientnet"}, "do not fit test_efficientnet with"),
        ({"architecture": "resnet18"}, "do not fit resnet18 with .*Missing key"),
        ({"architecture": "resnet_50"}, "timm has no architecture 'resnet_50'"),
        ({"architecture": "resnet50.imagenet99"}, "timm cannot build resnet50.imagenet99"),
        ({"architecture": "test_vit", "input_size": [50, 50]}, "test_vit"),
    ],
)
def test_weights_that_do_not_fit_the_card_are_refused(folder, context, changes, message):
    write_card(folder / "net.safetensors", {**CARD, **changes})
    with pytest.raises(ModelError, match=message) as caught:
        model(context).load("cpu", "float32")
    assert "net.safetensors" in str(caught.value)
    assert len(str(caught.value)) < 600  # torch lists every key that differs


@pytest.mark.parametrize("architecture", ["hf-hub:timm/resnet18.a1_in1k", "local-dir:/tmp", ""])
def test_a_card_cannot_send_the_harness_to_a_hub(folder, context, architecture):
    write_card(folder / "net.safetensors", {**CARD, "architecture": architecture})
    with pytest.raises(ModelError, match="timm has no architecture"):
        model(context).load("cpu", "float32")


def test_a_checkpoint_without_card_and_an_absent_one_are_told_apart(folder, context):
    (folder / "net.json").unlink()
    with pytest.raises(ModelError, match=r"has no card: .*net\.json"):
        model(context)
    with pytest.raises(Unavailable, match=r"other\.safetensors is not in .*checkpoints.*harness train"):
        model(context, "other.safetensors")


def test_the_suite_may_repeat_the_label_order_but_not_change_it(context):
    assert model(context, labels=["happy", "sad", "neutral"]).labels == ("happy", "sad", "neutral")
    with pytest.raises(
        ModelError, match=r"orders the labels of net\.safetensors sad, happy, neutral, its card happy, sad"
    ):
        model(context, labels=["sad", "happy", "neutral"])


def test_the_device_and_dtype_must_exist(context):
    with pytest.raises(UsageError, match="Device teapot cannot be used"):
        model(context).load("teapot", "float32")
    with pytest.raises(UsageError, match="--dtype to be one of float32, bfloat16, float16, but got int8"):
        model(context).load("cpu", "int8")


class TestIdentity:
    """Two runs share stored answers exactly when nothing that moves an answer differs."""

    @pytest.fixture
    def digest(self, context):
        return model(context).identity("cpu", "float32").digest()

    def changed(self, context, **changes) -> str:
        write_card(context.suite_folder / "net.safetensors", {**CARD, **changes})
        return model(context).identity("cpu", "float32").digest()

    def test_neither_path_nor_file_name_matter(self, folder, context, digest):
        (folder / "data" / "checkpoints").mkdir(parents=True)
        for ending in ("safetensors", "json"):
            shutil.copy(folder / f"net.{ending}", folder / "data" / "checkpoints" / f"moved.{ending}")
        assert model(context, "moved.safetensors").identity("cpu", "float32").digest() == digest

    def test_neither_do_notes_on_the_card(self, context, digest):
        assert self.changed(context, correct={"fer2013:private": [1, 2]}, note="best of ten") == digest

    def test_weights_matter(self, folder, context, digest):
        save_checkpoint(folder / "net.safetensors", CARD, seed=1)
        assert model(context).identity("cpu", "float32").digest() != digest

    @pytest.mark.parametrize(
        "changes",
        [
            {"labels": ["sad", "happy", "neutral"]},
            {"mean": [0.5001]},
            {"std": [0.2501]},
            {"input_size": [32, 33]},
            {"in_chans": 3, "mean": [0.5] * 3, "std": [0.25] * 3},
            {"architecture": "resnet18"},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_the_card_matters(self, context, digest, changes):
        assert self.changed(context, **changes) != digest

    def test_dtype_and_kind_of_device_matter_but_not_which_one(self, context, digest):
        ours = model(context)
        assert ours.identity("cpu", "bfloat16").digest() != digest
        assert ours.identity("cuda", "float32").digest() != digest
        assert ours.identity("cuda:0", "float32") == ours.identity("cuda:1", "float32")

    def test_it_says_which_versions_it_rests_on(self, context):
        import torch

        packages = model(context).identity("cpu", "float32").packages
        assert packages["torch"] == torch.__version__.partition("+")[0]


def test_the_real_checkpoint_answers_as_its_trainer_recorded(data_root: Path):
    """The bare timm forward is written out here; so is the count that the card promises, on a sample."""
    import timm
    import torch
    from safetensors.torch import load_file

    context = Context(data_root, data_root)
    try:
        path = context.find("efficientnet_b0-fer2013-48px.safetensors")
    except Unavailable:
        pytest.skip("the EfficientNet-B0 checkpoint is not in the checkpoints folder")
    dataset = load_dataset({"adapter": "fer2013"}, "fer2013", "public", data_root).limit(150)
    images = [dataset.pixels(i) for i in range(len(dataset))]

    card = json.loads(path.with_suffix(".json").read_text())
    bare = timm.create_model("efficientnet_b0", num_classes=7, in_chans=1)
    bare.load_state_dict(load_file(path))
    batch = (torch.tensor(np.stack(images))[:, None] / 255 - card["mean"][0]) / card["std"][0]
    with torch.inference_mode():
        expected = bare.eval()(batch).softmax(1).numpy()

    ours = build_model("efficientnet", {"adapter": "timm", "checkpoint": path.name}, context)
    probabilities = ours.load("cpu", "float32").classify(images)
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    right = (probabilities.argmax(1) == dataset.gold).mean()
    k, n = ours.correct["fer2013:public"]
    assert abs(right - k / n) < 3 * np.sqrt(k / n * (1 - k / n) / len(images))
