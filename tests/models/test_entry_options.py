"""What every entry of a model may say, whatever its adapter."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from tiny_suite import Reader

from harness.errors import Unavailable, UsageError
from harness.models import build_model
from harness.models.registry import ADAPTERS, capability_of, family_of


class Bare:
    """The least that a model is."""

    def __init__(self, *, context):
        pass

    def identity(self, device, dtype):
        """Nothing."""

    def load(self, device, dtype):
        """Nothing."""


class Seer(Bare):
    capability = "generative"


class Shapeless:
    def __init__(self, *, context):
        pass

    def identity(self, device, dtype):
        """Nothing."""


@pytest.fixture(autouse=True)
def mine(monkeypatch):
    module = SimpleNamespace(Bare=Bare, Seer=Seer, Shapeless=Shapeless, Reader=Reader)
    monkeypatch.setitem(sys.modules, "mine", module)


@pytest.mark.parametrize(
    ("entry", "capability", "family"),
    [
        ({"adapter": "timm"}, "classifier", "cnn"),
        ({"adapter": "open_clip"}, "contrastive", "vlm"),
        ({"adapter": "openai"}, "generative", "vlm"),
        ({"adapter": "predictions_csv", "family": "human"}, "published", "human"),
        ({"adapter": "mine:Bare"}, "classifier", "cnn"),
        ({"adapter": "mine:Seer"}, "generative", "vlm"),
        ({"adapter": "mine:Seer", "family": "baseline"}, "generative", "baseline"),
        ({"adapter": "mine:Bare", "capability": "contrastive"}, "contrastive", "vlm"),
        ({"adapter": "absent.module:Model"}, "classifier", "cnn"),
    ],
)
def test_a_model_is_what_its_entry_says_or_else_its_adapter(entry, capability, family):
    assert (capability_of(entry), family_of(entry)) == (capability, family)


def test_what_an_adapter_leaves_out_is_nothing(context):
    model = build_model("m", {"adapter": "mine:Seer"}, context)
    assert (model.labels, model.correct, model.trained_on) == ((), {}, None)


def test_what_has_no_shape_of_a_model_is_named(context):
    with pytest.raises(UsageError, match="Model m has no load. Give its adapter a shape"):
        build_model("m", {"adapter": "mine:Shapeless"}, context)


def test_every_model_may_have_been_trained_on_something(context):
    entry = {"adapter": "mine:Seer", "trained_on": "fer2013:train"}
    assert build_model("m", entry, context).trained_on == "fer2013:train"
    own = {"adapter": "mine:Reader", "trained_on": "a:train"}
    assert build_model("m", own, context).trained_on == "a:train"


def test_a_card_that_says_otherwise_is_an_error(context):
    entry = {"adapter": "what_the_face", "trained_on": "affectnet:train"}
    with pytest.raises(UsageError, match="on fer2013:train by its card and on affectnet:train by its"):
        build_model("m", entry, context)


def test_adapter_weights_are_for_adapters_that_load_them(context):
    with pytest.raises(UsageError, match="Model m has adapter_weights, which its adapter does not load"):
        build_model("m", {"adapter": "mine:Bare", "adapter_weights": "lora"}, context)


def test_without_peft_a_lora_is_unavailable(context, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    entry = {"adapter": "transformers", "model": str(tmp_path), "adapter_weights": "lora"}
    with pytest.raises(Unavailable, match="peft, which loads adapter_weights.*pip install peft"):
        build_model("m", entry, context)


def test_all_adapters_say_how_they_are_asked():
    assert {name: capability_of({"adapter": name}) for name in ADAPTERS} == {
        "timm": "classifier",
        "what_the_face": "classifier",
        "open_clip": "contrastive",
        "transformers": "generative",
        "openai": "generative",
        "predictions_csv": "published",
        **dict.fromkeys(("vote", "panel", "fusion", "permutation_vote", "pride"), "derived"),
    }
