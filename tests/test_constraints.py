"""constraints/ states a version for everything that pyproject.toml asks for, within what it allows."""

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
FILES = {"constraints/oldest.txt": "3.10", **{f"constraints/py{python}.txt": python for python in PYTHONS}}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def required(python):
    """What all extras ask for on a Linux machine with some Python, except the project itself."""
    texts = [
        *PROJECT["dependencies"],
        *(text for extra in PROJECT["optional-dependencies"].values() for text in extra),
    ]
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    found = map(Requirement, dict.fromkeys(texts))
    return [
        one
        for one in found
        if one.name != PROJECT["name"] and (one.marker is None or one.marker.evaluate(environment))
    ]


def stated(file):
    """Name -> version of a constraints file."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


@pytest.mark.parametrize("file", FILES)
def test_every_requirement_is_pinned_within_its_bounds(file):
    versions = stated(file)
    for one in required(FILES[file]):
        assert canonicalize_name(one.name) in versions, (
            f"{file} does not state {one.name}; run `make constraints`"
        )
        assert one.specifier.contains(versions[canonicalize_name(one.name)]), (
            f"{one} but {file} states another"
        )


def test_the_oldest_leg_runs_what_the_lower_bounds_say():
    versions = stated("constraints/oldest.txt")
    for one in required("3.10"):
        lowest = [Version(part.version) for part in one.specifier if part.operator in (">=", "==")]
        assert lowest, f"{one} states no lower bound"
        pinned = versions[canonicalize_name(one.name)]
        assert pinned.release[:2] == (*max(lowest).release, 0)[:2], f"{one} is tested from {pinned} on"


def test_torch_and_torchvision_fit_each_other():
    for file in FILES:
        versions = stated(file)
        assert versions["torchvision"].minor == versions["torch"].minor + 15, file


def test_make_and_the_classifiers_know_the_same_pythons():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert tuple(re.search(r"^PYTHONS := (.*)$", makefile, re.MULTILINE)[1].split()) == PYTHONS
    prefix = "Programming Language :: Python :: 3."
    minors = [text.removeprefix(prefix) for text in PROJECT["classifiers"] if text.startswith(prefix)]
    assert tuple(f"3.{minor}" for minor in minors) == PYTHONS


def test_what_is_held_back_says_why():
    lines = (ROOT / "constraints/held-back.in").read_text(encoding="utf-8").splitlines()
    first = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    assert first >= 2
    assert all(Requirement(line).specifier for line in lines[first:])
