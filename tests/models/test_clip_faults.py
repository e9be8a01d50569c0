"""A folder that something is wrong with is named in one line."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from tiny_clip import CLIP, save_clip, write_config

from harness.errors import ModelError
from harness.models import Context
from harness.models.contrastive.adapter import OpenClipModel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as open_clip saves it."""
    save_clip(tmp_path / "clip")
    return tmp_path / "clip"


def fault(folder: Path) -> str:
    """What the model says when it is loaded."""
    context = Context(folder.parent / "data", folder.parent)
    with pytest.raises(ModelError) as caught:
        OpenClipModel(context=context, model=folder.name).load("cpu", "float32")
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600  # torch lists every key that differs
    return message


@pytest.mark.parametrize(
    "damage",
    [lambda body: b"", lambda body: body[:1000], lambda body: body[:-1], lambda body: b"PK\3\4" + body],
    ids=["empty", "1000-bytes", "a-byte-short", "zip"],
)
def test_corrupt_weights(folder, damage):
    path = folder / "open_clip_model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    assert "open_clip_model.safetensors are corrupt (" in fault(folder)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", " are corrupt ("),
        (b"\x80\x04PK no pickle", " are corrupt ("),
        (b"cos\nsystem\n(S'exit 1'\ntR.", " holds os.system beside or instead of weights"),
    ],
)
def test_a_pickle_is_not_run(folder, body, message):
    (folder / "open_clip_model.safetensors").unlink()
    (folder / "open_clip_pytorch_model.bin").write_bytes(body)
    assert f"open_clip_pytorch_model.bin{message}" in fault(folder)


def test_no_weights(folder):
    (folder / "open_clip_model.safetensors").unlink()
    assert "lacks any of open_clip_model.safetensors, " in fault(folder)


def test_weights_without_tensors(folder):
    from safetensors.torch import save_file

    save_file({}, folder / "open_clip_model.safetensors")
    assert "are corrupt (" in fault(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model_cfg": 3}', '{"model_cfg": {"text_cfg": []}}'])
def test_a_file_that_is_no_configuration(folder, text):
    (folder / "open_clip_config.json").write_text(text)
    assert "open_clip_config.json is not a configuration of open_clip (" in fault(folder)


def test_no_configuration(folder):
    (folder / "open_clip_config.json").unlink()
    assert "is not a configuration of open_clip (FileNotFoundError" in fault(folder)


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("text_cfg", {"heads": 3}, "cannot build"),
        ("text_cfg", {"colour": "blue"}, "cannot build .*colour"),
        ("vision_cfg", {"layers": "many"}, "cannot build"),
        ("vision_cfg", {"timm_model_name": "no_such_network"}, "cannot build .*no_such_network"),
        ("text_cfg", {"layers": 3}, r"do not fit .*Missing key.*resblocks\.2"),
        ("text_cfg", {"layers": 1}, r"do not fit .*Unexpected key.*resblocks\.1"),
        ("vision_cfg", {"width": 48}, "do not fit .*visual"),
        (
            "vision_cfg",
            {"image_size": 64},
            r"visual\.positional_embedding is \(17, 32\) where \(65, 32\)",
        ),
        ("text_cfg", {"context_length": 32}, r"positional_embedding is \(77, 16\) where \(32, 16\)"),
    ],
)
def test_weights_of_another_configuration(folder, part, changes, message):
    config = copy.deepcopy(CLIP)
    config["model_cfg"][part].update(changes)
    write_config(folder, config)
    assert re.search(message, fault(folder))


def test_preprocessing_that_open_clip_does_not_know(folder):
    write_config(folder, {**CLIP, "preprocess_cfg": {"resize_mode": "stretch"}})
    assert "open_clip cannot build" in fault(folder)
