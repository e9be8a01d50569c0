"""Adapters by name. Each lives in its own module, imported when first used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from harness.errors import Unavailable, UsageError
from harness.models.base import Capability, Context, Family, RunnableModel, TableModel
from harness.models.derived.base import DerivedModel
from harness.tools.adapters import Adapters, find_adapter
from harness.tools.third_party import warnings_never_raise

ADAPTERS: dict[str, str] = {
    "timm": "harness.models.timm_classifier:TimmClassifier",
    "what_the_face": "harness.models.what_the_face:WhatTheFace",
    "open_clip": "harness.models.contrastive:OpenClipModel",
    "transformers": "harness.models.generative:TransformersModel",
    "openai": "harness.models.endpoint:EndpointModel",
    "predictions_csv": "harness.models.predictions_csv:PredictionsCsv",
    "vote": "harness.models.derived.votes:MajorityVote",
    "panel": "harness.models.derived.votes:Panel",
    "fusion": "harness.models.derived.fusion:Fusion",
    "permutation_vote": "harness.models.derived.orders:PermutationVote",
    "pride": "harness.models.derived.orders:Pride",
}
GROUP = "emotion_harness.models"
# What every entry may say: why it is not run; which publication is about the same system; what the model is
# and how it is asked, where its adapter does not say so; the split that it has seen; the LoRA on top of it;
# the models that it is derived from.
SHARED: Mapping[str, Any] = {
    "skip": str,
    "published_as": str,
    "family": Family,
    "capability": Capability,
    "trained_on": str,
    "adapter_weights": str,
    "parents": list[str],
}
_FAMILY_OF: Mapping[Capability, Family] = {"contrastive": "vlm", "generative": "vlm", "derived": "ensemble"}
Model: TypeAlias = RunnableModel | TableModel | DerivedModel
MODELS = Adapters(ADAPTERS, GROUP, given=("context",), shared=SHARED)


@warnings_never_raise()
def build_model(name: str, entry: Mapping[str, Any], context: Context) -> Model:
    """Builds the model of a suite entry, without loading weights.

    Args:
        name: the entry's name, for messages.
        entry: `adapter` and the adapter's own options.
        context: where files are looked for.

    Raises:
        Unavailable: the adapter, a package or a file is absent; the message says which and what to do.
        UsageError: the entry is wrong.
    """
    if "skip" in entry:
        raise Unavailable(str(entry["skip"]))
    factory = find_adapter(entry.get("adapter", ""), f"Model {name}", ADAPTERS, GROUP)
    options = MODELS.check(factory, entry, f"Model {name}")
    if "adapter_weights" in entry and "adapter_weights" not in options:
        raise UsageError(f"Model {name} has adapter_weights, which its adapter does not load. Leave it out.")
    try:
        model = factory(context=context, **options)
    except TypeError as error:
        raise UsageError(f"Model {name}: {error}. Correct its entry in suite.toml.") from error
    return completed(name, model, entry)


def completed(name: str, model: Any, entry: Mapping[str, Any]) -> Model:
    """A model with what its entry says of it, and with nothing for what it leaves out.

    Raises:
        UsageError: it has no model's shape, or card and entry disagree about its training data.
    """
    missing: dict[str, Any] = {
        "capability": capability_of(entry),
        "labels": (),
        "correct": {},
        "trained_on": None,
    }
    for attribute, value in missing.items():
        if not hasattr(model, attribute):
            setattr(model, attribute, value)
    trained_on = entry.get("trained_on", model.trained_on)
    if model.trained_on not in (None, trained_on):
        raise UsageError(
            f"Model {name} was trained on {model.trained_on} by its card and on {trained_on} by its entry. "
            "Correct one of them."
        )
    model.trained_on = trained_on
    if isinstance(model, (RunnableModel, TableModel, DerivedModel)):
        return model
    derived = ("harness/models/derived/base.py", ("version", "options"))
    place, parts = derived if hasattr(model, "combine") else ("harness/models/base.py", ("identity", "load"))
    absent = [part for part in parts if not hasattr(model, part)]
    raise UsageError(
        f"Model {name} has no {' and no '.join(absent) or 'answers'}. Give its adapter a shape of {place}."
    )


def capability_of(entry: Mapping[str, Any]) -> Capability:
    """How the model of an entry is asked: as the entry says, else its adapter, else for probabilities."""
    told: Capability | None = entry.get("capability") or _told(entry, "capability")
    return told or "classifier"


def family_of(entry: Mapping[str, Any]) -> Family:
    """What the model of an entry is: as the entry says, else its adapter, else by how it is asked."""
    told: Family | None = entry.get("family") or _told(entry, "family")
    return told or _FAMILY_OF.get(capability_of(entry), "cnn")


def _told(entry: Mapping[str, Any], attribute: str) -> Any:
    """What the class of an adapter says of its models; nothing where it is absent, as is said later."""
    try:
        adapter = find_adapter(entry.get("adapter", ""), "A model", ADAPTERS, GROUP)
    except Exception:  # whatever importing anybody's module raises
        return None
    told = getattr(adapter, attribute, None)
    return told if isinstance(told, str) else None
