"""`harness train`: what it trains, the suite can use."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from command import NO_TORCH, metrics, process
from shapes import LABELS as SHAPES
from shapes import shape

from harness.cli.train import suite_entry
from harness.models import Context
from harness.suite import Suite


@pytest.fixture
def shapes(tmp_path) -> Path:
    """Noisy shapes in label folders, described by a suite that lists what training leaves."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 16), ("val", 6), ("test", 8)):
        for label in SHAPES:
            (tmp_path / "data" / "shapes" / split / label).mkdir(parents=True)
            for number in range(count):
                shape(label, rng).save(tmp_path / f"data/shapes/{split}/{label}/{number}.png")
    (tmp_path / "suite.toml").write_text(
        "[datasets.shapes]\nadapter = 'images'\nspace = ['disc', 'square', 'triangle']\n"
        "[models.cnn]\nadapter = 'timm'\ncheckpoint = 'test_resnet-shapes-48px.safetensors'\n"
    )
    return tmp_path / "suite.toml"


OPTIONS = ("test_resnet", "--dataset", "shapes", "--select", "val", "--report", "test", "--epochs", "1")


def test_what_it_trains_predicts_as_recorded(harness, shapes, tmp_path):
    """Training in a process of its own, and so is prediction again, from the store alone."""
    arguments = ("train", *OPTIONS, "--suite", shapes, "--device", "cpu", "--json")
    done = process(tmp_path, *arguments, umask=0o027)
    result = done.json
    assert Path(result["checkpoint"]) == tmp_path / "checkpoints" / "test_resnet-shapes-48px.safetensors"
    assert result["correct"]["shapes:test"]["n"] == 24
    files = [path for path in (tmp_path / "checkpoints").iterdir() if path.suffix != ".lock"]
    assert {path.suffix for path in files} == {".safetensors", ".json", ".csv"}
    assert {oct(path.stat().st_mode) for path in files} == {"0o100640"}  # as any file of this user
    options = ("--dataset", "shapes:test", "--suite", shapes, "--device", "cpu", "--json")
    shown = harness(*(argument for argument in arguments if argument != "--json"))  # it is there already
    assert shown.out.endswith(f"In {shapes}, to evaluate it:\n\n{result['entry']}\n")
    with shapes.open("a") as file:
        file.write(f"\n{result['entry']}\n")
    assert harness("predict", "test_resnet-shapes-48px", *options).status == 0
    first = harness("predict", "cnn", *options)
    accuracy = metrics(first.json)["accuracy", None]["value"]
    assert accuracy == pytest.approx(result["correct"]["shapes:test"]["accuracy"])
    assert process(tmp_path, "predict", "cnn", *options, then=NO_TORCH).out == first.out


@pytest.mark.parametrize("place", ["checkpoints", "elsewhere", "data", "evals", "evals/deep", "."])
@pytest.mark.parametrize("name", ["resnet50-fer2013-48px", "resnet50.a1_in1k", "netz-größe"])
def test_the_entry_finds_the_checkpoint_wherever_it_lies(harness, suite, tmp_path, place, name):
    (tmp_path / place).mkdir(exist_ok=True)
    checkpoint = tmp_path / place / f"{name}.safetensors"
    checkpoint.touch()
    suite.write_text(suite_entry(Path(place) / checkpoint.name, None, tmp_path / "data"))
    ((found, entry),) = Suite.read(suite).models.items()
    assert (found, entry["adapter"]) == (name, "timm")
    assert Context(tmp_path / "data", suite.parent).find(entry["checkpoint"]) == checkpoint
    assert not Path(entry["checkpoint"]).is_absolute()


def test_several_seeds_report_their_spread(harness, shapes):
    options = (
        "train",
        *OPTIONS,
        "--suite",
        shapes,
        "--device",
        "cpu",
        "--limit",
        "12",
        "--seeds",
        "2",
    )
    shown = harness(*options, "--json").json
    spread = shown["shapes:test"]
    assert spread["n"] == 12
    assert len(spread["accuracies"]) == 2
    assert spread["mean"] == pytest.approx(np.mean(spread["accuracies"]))
    said = harness(*options).out
    assert f"shapes:test: {spread['mean']:.2%} right on average" in said
    assert re.findall(r"^\[models\.(.*)]$", said, re.MULTILINE) == [
        "test_resnet-shapes-48px",
        "test_resnet-shapes-48px-seed1",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet_50", *OPTIONS[1:]], "timm 1.* has no architecture 'resnet_50'. Did you mean resnet50"),
        ([*OPTIONS[:2], "none", *OPTIONS[3:]], "unknown adapter 'none'"),
        ([*OPTIONS[:4], "public"], "Unknown split shapes:public"),
        ([*OPTIONS, "--epochs", "0"], "Expected `epochs` to be an integer of at least 1"),
        ([*OPTIONS, "--input-size", "0"], "Expected `input_size` to be .* at least 2 pixels"),
        ([*OPTIONS, "--input-size", "1"], "Expected `input_size` to be .* at least 2 pixels"),
        ([*OPTIONS, "--batch-size", "1"], "Expected `batch_size` to be an integer of at least 2"),
        ([*OPTIONS, "--device", "teapot"], "Device 'teapot' cannot be used here"),
    ],
)
def test_errors_are_one_line_with_the_fix_and_status_2(harness, shapes, arguments, message):
    assert re.search(message, harness("train", *arguments, "--suite", shapes).error)
