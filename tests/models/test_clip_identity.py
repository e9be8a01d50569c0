"""Two runs share stored answers of a contrastive model exactly when nothing that moves an answer differs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiny_clip import SIGLIP, save_clip, write_config

from harness.models import Context
from harness.models.contrastive.adapter import OpenClipModel


@pytest.fixture
def digest(tmp_path) -> str:
    save_clip(tmp_path / "clip", config=SIGLIP)
    return now(tmp_path)


def now(folder: Path, model: str = "clip", device: str = "cpu", dtype: str = "float32") -> str:
    context = Context(folder / "data", folder)
    return OpenClipModel(context=context, model=model).identity(device, dtype).digest()


def test_the_folders_place_and_name_do_not_matter(tmp_path, digest):
    shutil.copytree(tmp_path / "clip", tmp_path / "data/checkpoints/moved")
    assert now(tmp_path, "moved") == digest


def test_the_weights_matter(tmp_path, digest):
    save_clip(tmp_path / "clip", seed=1, config=SIGLIP)
    assert now(tmp_path) != digest


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_the_tokenizer_matters(tmp_path, digest, name):
    path = tmp_path / "clip" / name
    path.write_text(json.dumps({**json.loads(path.read_text()), "extra": 1}))
    assert now(tmp_path) != digest


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("model_cfg", {"quick_gelu": True}),
        ("model_cfg", {"vision_cfg": {**SIGLIP["model_cfg"]["vision_cfg"], "pool_type": "tok"}}),
        ("preprocess_cfg", {"mean": [0.4] * 3}),
        ("preprocess_cfg", {"std": [0.4] * 3}),
        ("preprocess_cfg", {"interpolation": "bilinear"}),
        ("preprocess_cfg", {"resize_mode": "shortest"}),
    ],
)
def test_the_configuration_matters(tmp_path, digest, part, changes):
    write_config(tmp_path / "clip", {**SIGLIP, part: {**SIGLIP[part], **changes}})
    assert now(tmp_path) != digest


def test_the_dtype_and_the_kind_of_device_matter(tmp_path, digest):
    assert now(tmp_path, dtype="bfloat16") != digest
    assert now(tmp_path, device="cuda:0") == now(tmp_path, device="cuda:1") != digest
