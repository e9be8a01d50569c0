"""An identity changes when anything that can change an answer changes, and only then."""

import json
import types
from dataclasses import fields, replace

import pytest

from harness.identity import Identity, package_versions, source_version

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


def _module(tmp_path, name, source):
    path = tmp_path / f"{name}.py"
    path.write_text(source)
    module = types.ModuleType(name)
    module.__file__ = str(path)
    return module


def test_source_version_ignores_comments_docstrings_and_layout(tmp_path):
    plain = _module(tmp_path, "a", "def f(x):\n    return x + 1\n")
    dressed = _module(tmp_path, "b", '"""Doc."""\n\ndef f( x ):\n    """Adds."""  # one\n    return (x+1)\n')
    changed = _module(tmp_path, "c", "def f(x):\n    return x + 2\n")
    stripped = _module(tmp_path, "d", "pass\ndef f(x):\n    pass\n    return x + 1\n")
    assert source_version(dressed) == source_version(stripped)
    assert source_version(plain) != source_version(changed)


def test_versions_of_absent_packages_are_said_to_be_absent():
    assert package_versions("no-such-package-anywhere") == {"no-such-package-anywhere": "absent"}
    assert package_versions("numpy")["numpy"] != "absent"
