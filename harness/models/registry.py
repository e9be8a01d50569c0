"""Adapters by name. Each lives in its own module, imported when first used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.adapters import Adapters, find_adapter
from harness.errors import Unavailable, UsageError
from harness.models.base import Context, RunnableModel, TableModel
from harness.third_party import warnings_never_raise

ADAPTERS: dict[str, str] = {
    "timm": "harness.models.timm_classifier:TimmClassifier",
    "what_the_face": "harness.models.what_the_face:WhatTheFace",
    "open_clip": "harness.models.contrastive:OpenClipModel",
    "transformers": "harness.models.generative:TransformersModel",
    "openai": "harness.models.endpoint:EndpointModel",
    "predictions_csv": "harness.models.predictions_csv:PredictionsCsv",
}
GROUP = "emotion_harness.models"
MODELS = Adapters(ADAPTERS, GROUP, given=("context",), shared={"skip": str, "published_as": str})


@warnings_never_raise()
def build_model(name: str, entry: Mapping[str, Any], context: Context) -> RunnableModel | TableModel:
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
    try:
        model: RunnableModel | TableModel = factory(context=context, **options)
    except TypeError as error:
        raise UsageError(f"Model {name}: {error}. Correct its entry in suite.toml.") from error
    return model
