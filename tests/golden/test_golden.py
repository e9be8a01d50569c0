"""What adapters make of fixed inputs, held against `VERSION`: stored answers stand for what the code does.

Where an output changes and its `VERSION` does not, the store would serve old answers as those of new code.
Raise `VERSION` in the module that the message names, and write the file anew with `WRITE_GOLDEN=1`, which
refuses to hide a change that no version tells of.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import golden_outputs
import numpy as np
import pytest

FOLDER = Path(__file__).parent / "outputs"
# Another version of torch or of a codec rounds otherwise; those stand in the key of an answer by themselves.
TOLERANCE = {"rtol": 1e-3, "atol": 2e-4}


def alike(one: Any, other: Any) -> bool:
    """Whether two outputs of JSON are the same, numbers within the tolerance."""
    if isinstance(one, float) or isinstance(other, float):
        return bool(np.isclose(one, other, **TOLERANCE))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    return bool(one == other)


def complaint(found: dict[str, Any], kept: dict[str, Any] | None, module: str, command: str) -> str:
    """What is wrong with an output beside the one that is kept, or "" where nothing is."""
    if kept is None:
        return f"No output of {module} is kept. Write it: {command}"
    if alike(found["output"], kept["output"]):
        return ""
    if found["version"] == kept["version"]:
        return f"{module} answers otherwise than when its VERSION became {kept['version']}. Raise it."
    return f"{module} has a new VERSION and other outputs. Keep them: {command}"


@pytest.mark.parametrize("module", golden_outputs.OUTPUTS)
def test_an_output_changes_with_its_version_alone(module, tmp_path):
    make: Callable[[Path], Any] = golden_outputs.OUTPUTS[module]
    name = module.removeprefix("harness.")
    path = FOLDER / f"{name}.json"
    command = f"WRITE_GOLDEN=1 pytest tests/golden -k {name}"
    found = {"version": import_module(module).VERSION, "output": make(tmp_path)}
    kept = json.loads(path.read_text()) if path.exists() else None
    if os.environ.get("WRITE_GOLDEN") and (kept is None or kept["version"] != found["version"]):
        path.write_text(json.dumps(found) + "\n")
        return
    assert not (said := complaint(found, kept, module, command)), said


def test_every_version_is_held_against_outputs():
    root = Path(import_module("harness").__file__).parent
    versioned = {
        ".".join(("harness", *path.relative_to(root).with_suffix("").parts))
        for path in root.rglob("*.py")
        if re.search(r"^VERSION = \d+$", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert versioned == golden_outputs.OUTPUTS.keys()


@pytest.mark.parametrize(
    ("output", "version", "said"),
    [
        ([0.5, "a"], 1, ""),
        ([0.50001, "a"], 1, ""),
        ([0.5, "a"], 2, ""),
        ([0.6, "a"], 1, "answers otherwise than when its VERSION became 1. Raise it"),
        ([0.5, "b"], 1, "Raise it"),
        ([0.5], 1, "Raise it"),
        ([0.6, "a"], 2, "Keep them: the command"),
    ],
)
def test_a_change_that_no_version_tells_of_is_noticed(output, version, said):
    kept = {"version": 1, "output": [0.5, "a"]}
    found = complaint({"version": version, "output": output}, kept, "m", "the command")
    assert said in found
    assert bool(said) == bool(found)
