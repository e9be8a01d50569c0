"""An identity changes when anything that can change an answer changes, and only then."""

import json
import shutil
import sys
from dataclasses import fields, replace
from importlib import import_module

import pytest

from harness.identity import Identity, package_versions, versioned

BASE = Identity(
    model="timm:resnet50",
    weights="aa",
    labels=("angry", "happy"),
    adapter="v1",
    revision="main",
    processor={"size": (48, 48), "mean": (0.5,)},
    messages=("Which emotion?",),
    label_order=("happy", "angry"),
    decoding={"temperature": 0.0},
    restorer="none",
    restorer_weights="",
    dtype="float32",
    quantisation="",
    attention="sdpa",
    device="cpu",
    packages={"torch": "2.14.1"},
)

MUTATIONS = {
    "model": "timm:resnet18",
    "weights": "ab",
    "labels": ("happy", "angry"),
    "adapter": "v2",
    "revision": "abc123",
    "processor": {"size": (48, 48), "mean": (0.6,)},
    "messages": ("Which emotion? ",),
    "label_order": ("angry", "happy"),
    "decoding": {"temperature": 0.1},
    "restorer": "gfpgan",
    "restorer_weights": "cc",
    "dtype": "bfloat16",
    "quantisation": "nf4",
    "attention": "eager",
    "device": "cuda",
    "packages": {"torch": "2.15.0"},
}


def test_mutations_cover_every_field():
    assert MUTATIONS.keys() == {field.name for field in fields(Identity)}


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_every_field_changes_the_key(name):
    changed = replace(BASE, **{name: MUTATIONS[name]})
    assert changed.digest() != BASE.digest()


def test_all_mutations_give_different_keys():
    digests = {replace(BASE, **{name: value}).digest() for name, value in MUTATIONS.items()}
    assert len(digests) == len(MUTATIONS)


def test_order_of_mappings_does_not_matter():
    one = replace(BASE, packages={"a": "1", "b": "2"})
    other = replace(BASE, packages={"b": "2", "a": "1"})
    assert one.digest() == other.digest()


def test_dict_form_is_json():
    assert json.loads(json.dumps(BASE.as_dict()))["processor"] == {"size": [48, 48], "mean": [0.5]}


def test_restorer_is_set_by_with_restorer():
    restored = BASE.with_restorer("gfpgan", "dd")
    assert (restored.restorer, restored.restorer_weights) == ("gfpgan", "dd")


@pytest.fixture
def adapter(tmp_path, monkeypatch):
    """Imports an adapter of somebody else from its source, anew each time."""
    monkeypatch.syspath_prepend(tmp_path)

    def adapter(source: str) -> object:
        (tmp_path / "somebodys.py").write_text(f"{source}\nclass Model: ...\n")
        sys.modules.pop("somebodys", None)
        sys.path_importer_cache.clear()
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        return import_module("somebodys").Model()

    yield adapter
    sys.modules.pop("somebodys", None)


class TestVersioned:
    SILENT = replace(BASE, adapter="")

    def test_without_a_version_every_change_of_the_file_counts(self, adapter):
        one, same, other = (versioned(self.SILENT, adapter(f"X = {x}")) for x in (1, 1, 2))
        assert one == same
        assert "" != one.adapter != other.adapter

    def test_with_a_version_only_that_counts(self, adapter):
        one, same = (versioned(self.SILENT, adapter(f"VERSION = 3\nX = {x}")) for x in (1, 2))
        assert (one.adapter, same.adapter) == ("3", "3")
        assert versioned(self.SILENT, adapter("VERSION = 4")).adapter == "4"

    def test_what_an_adapter_says_itself_stands(self, adapter):
        assert versioned(BASE, adapter("VERSION = 3")) == BASE


def test_versions_of_absent_packages_are_said_to_be_absent():
    assert package_versions("no-such-package-anywhere") == {"no-such-package-anywhere": "absent"}
    assert package_versions("numpy")["numpy"] != "absent"
