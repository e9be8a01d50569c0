"""A suite entry finds its weights, activation and preprocessing, or says in one line what is wrong."""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_clip import CLIP, network, save_clip
from tiny_models import pictures

from harness.errors import Unavailable, UsageError
from harness.models import Context
from harness.models.contrastive import table as clip_table
from harness.models.contrastive.adapter import OpenClipModel

COMMIT = "0123456789abcdef" * 2 + "01234567"
TINY = copy.deepcopy(CLIP["model_cfg"])
del TINY["quick_gelu"]  # as in open_clip's table: not the architecture has it, but some of its tags
TAG = {
    "hf_hub": "tiny/clip/",
    "mean": (0.1, 0.2, 0.3),
    "std": (0.4, 0.5, 0.6),
    "interpolation": "bilinear",
    "resize_mode": "squash",
    "url": "",
}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, tmp_path):
    """An empty cache, and a network that cannot be reached."""
    import socket

    from huggingface_hub import constants

    def refuse(*args: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def context(tmp_path) -> Context:
    return Context(tmp_path / "data", tmp_path)


@pytest.fixture
def tiny(monkeypatch) -> None:
    """An architecture `tiny-clip` of open_clip with two tags, whose activations differ."""
    import open_clip.factory

    tags = {"exact": TAG, "quick": {**TAG, "quick_gelu": True}}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-clip", copy.deepcopy(TINY))
    monkeypatch.setattr(clip_table, "table", lambda: {"tiny-clip": tags})
    monkeypatch.setattr(clip_table, "architecture", lambda name: copy.deepcopy(TINY))


def cached(folder: Path, **config: Any) -> None:
    """Puts weights of `tiny-clip` into the Hugging Face cache."""
    save_clip(folder / "saved", config={**CLIP, "model_cfg": {**TINY, **config}})
    repository = folder / "hub/models--tiny--clip"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text(COMMIT)
    shutil.move(folder / "saved", repository / "snapshots" / COMMIT)


def clip(context: Context, model: str = "clip", **options: Any) -> OpenClipModel:
    return OpenClipModel(context=context, model=model, **options)


def expected(images: list[np.ndarray], quick_gelu: bool) -> np.ndarray:
    """Unit embeddings by a network with or without the approximation, on images as `TAG` normalises them."""
    import torch

    bare = network({"model_cfg": {**TINY, "quick_gelu": quick_gelu}})
    batch = np.stack(images).astype(np.float32) / 255
    batch = ((batch - TAG["mean"]) / TAG["std"]).astype(np.float32).transpose(0, 3, 1, 2)
    with torch.inference_mode():
        return bare.encode_image(torch.from_numpy(batch), normalize=True).numpy()


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(("tag", "quick_gelu"), [("quick", True), ("exact", False), ("Quick", True)])
def test_a_tag_brings_its_activation_and_its_preprocessing(tmp_path, context, tag, quick_gelu):
    cached(tmp_path)
    images = pictures(4, (32, 32, 3))
    ours = clip(context, "tiny-clip", pretrained=tag).load("cpu", "float32").embed_images(images)
    np.testing.assert_allclose(ours, expected(images, quick_gelu), atol=1e-5)
    assert np.abs(ours - expected(images, not quick_gelu)).max() > 1e-3


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(("tag", "quick_gelu"), [("quick", True), ("exact", False)])
@pytest.mark.parametrize("ending", ["safetensors", "pt"])
def test_weights_of_a_file_are_used_like_those_of_the_tag_they_come_from(
    tmp_path, context, tag, quick_gelu, ending
):
    import torch

    save_clip(tmp_path / "saved", config={**CLIP, "model_cfg": TINY})
    if ending == "safetensors":
        shutil.copy(tmp_path / "saved/open_clip_model.safetensors", tmp_path / "tuned.safetensors")
    else:  # as open_clip's own training writes them
        state = {
            f"module.{name}": tensor for name, tensor in network({"model_cfg": TINY}).state_dict().items()
        }
        torch.save({"epoch": 3, "state_dict": state}, tmp_path / "tuned.pt")
    images = pictures(4, (32, 32, 3))
    ours = clip(context, "tiny-clip", pretrained=f"tuned.{ending}", like=tag).load("cpu", "float32")
    np.testing.assert_allclose(ours.embed_images(images), expected(images, quick_gelu), atol=1e-5)


@pytest.mark.usefixtures("tiny")
def test_an_entry_that_leaves_something_open_or_says_it_twice_is_refused(tmp_path, context):
    (tmp_path / "tuned.bin").touch()
    for options, message in (
        ({"model": "tiny-clip"}, r"tiny-clip needs pretrained = one of exact, quick\."),
        (
            {"model": "tiny-clip", "pretrained": "slow"},
            r"no pretrained tag 'slow'\. Use one of exact, quick\.",
        ),
        (
            {"model": "tiny-clip", "pretrained": "tuned.bin"},
            r"tuned\.bin says neither its activation nor .*like",
        ),
        ({"model": "tiny-clip", "pretrained": "tuned.bin", "like": "slow"}, "no pretrained tag 'slow'"),
        (
            {"model": "tiny-clip", "pretrained": "tuned.bin", "like": "quick", "revision": "main"},
            r"takes its weights from tuned\.bin\. Leave revision = 'main' out\.",
        ),
        ({"model": "tiny-clip", "pretrained": "quick", "like": "exact"}, "Leave like = 'exact' out"),
        ({"model": "clip", "like": "exact"}, r"clip names no file of weights\. Leave like = 'exact' out\."),
    ):
        with pytest.raises(UsageError, match=message):
            clip(context, **options)


def test_every_tag_of_open_clip_is_found_or_named_with_the_command_that_fetches_it(context):
    tags = [(name, tag) for name, tags in clip_table.table().items() for tag in tags]
    assert len(tags) > 150
    for name, tag in tags:
        with pytest.raises(Unavailable) as absent:
            clip(context, name, pretrained=tag)
        repository = clip_table.table()[name][tag]["hf_hub"].rpartition("/")[0]
        assert str(absent.value).endswith(f"Fetch it with `hf download {repository}`.")
    with pytest.raises(Unavailable, match="hf download timm/vit_base_patch32_clip_224.openai --revision v1`"):
        clip(context, "ViT-B/32", pretrained="openai", revision="v1")


def test_a_tokenizer_that_is_not_here_is_named_too(tmp_path, context):
    """SigLIP's weights and its tokenizer lie in different repositories."""
    for name in ("ViT-B-16-SigLIP2-256", "ViT-B-16-SigLIP-256"):
        repository = tmp_path / f"hub/models--timm--{name}"
        (repository / "snapshots" / COMMIT).mkdir(parents=True)
        (repository / "snapshots" / COMMIT / "open_clip_model.safetensors").touch()
        (repository / "refs").mkdir()
        (repository / "refs/main").write_text(COMMIT)
    with pytest.raises(
        Unavailable, match=r"lacks any of tokenizer\.json.*hf download timm/ViT-B-16-SigLIP2-256`"
    ):
        clip(context, "ViT-B-16-SigLIP2-256", pretrained="webli")
    with pytest.raises(Unavailable, match=r"hf download timm/ViT-B-16-SigLIP`"):
        clip(context, "ViT-B-16-SigLIP-256", pretrained="webli")


def test_the_table_is_open_clips_own_and_read_without_it(monkeypatch):
    import open_clip.pretrained

    own = open_clip.pretrained._PRETRAINED
    clip_table.table.cache_clear()
    monkeypatch.setattr(clip_table, "import_module", pytest.fail)
    assert clip_table.table() == own
    monkeypatch.undo()
    clip_table.table.cache_clear()
    monkeypatch.setattr(clip_table, "_read", lambda folder: 1 / 0)
    assert clip_table.table() is own  # the slow way, should open_clip ever be written differently
    clip_table.table.cache_clear()
    for name in ("ViT-B-32", "ViT-B/32", "ViT-SO400M-14-SigLIP-384", "RN50"):
        assert clip_table.architecture(name) == open_clip.get_model_config(name.replace("/", "-"))
    with pytest.raises(UsageError, match="ViT-B-31 is neither a folder nor an architecture of open_clip"):
        clip_table.architecture("ViT-B-31")


def test_doctor_needs_no_torch(tmp_path):
    save_clip(tmp_path / "clip")
    code = f"""
import sys
from pathlib import Path
from harness.errors import Unavailable
from harness.models import Context
from harness.models.contrastive.adapter import OpenClipModel
context = Context(Path({str(tmp_path)!r}), Path({str(tmp_path)!r}))
OpenClipModel(context=context, model="clip").identity("cpu", "float32").digest()
try:
    OpenClipModel(context=context, model="ViT-B-32", pretrained="laion2b_s34b_b79k", revision="no-such")
except Unavailable:
    print({{"torch", "open_clip", "transformers"}} & set(sys.modules))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


@pytest.mark.usefixtures("tiny")
def test_the_activation_of_a_tag_and_its_revision_matter(tmp_path, context):
    cached(tmp_path)
    exact, quick = (clip(context, "tiny-clip", pretrained=tag) for tag in ("exact", "quick"))
    assert exact.identity("cpu", "float32") != quick.identity("cpu", "float32")
    assert exact.identity("cpu", "float32").model == "open_clip:tiny-clip"
    assert exact.identity("cpu", "float32").revision == COMMIT
