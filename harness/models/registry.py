"""Adapters by name. Each lives in its own module, imported when first used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module, metadata
from typing import Any

from harness.errors import Unavailable, UsageError
from harness.models.base import Context, RunnableModel, TableModel

ADAPTERS: dict[str, str] = {
    "timm": "harness.models.timm_classifier:TimmClassifier",
    "what_the_face": "harness.models.what_the_face:WhatTheFace",
    "open_clip": "harness.models.contrastive:OpenClipModel",
    "transformers": "harness.models.generative:TransformersModel",
    "openai": "harness.models.endpoint:EndpointModel",
    "predictions_csv": "harness.models.predictions_csv:PredictionsCsv",
}


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
    options = {key: value for key, value in entry.items() if key not in ("adapter", "skip", "published_as")}
    adapter = entry.get("adapter", "")
    if "skip" in entry:
        raise Unavailable(str(entry["skip"]))
    factory = _factory(adapter, name)
    try:
        model: RunnableModel | TableModel = factory(context=context, **options)
    except TypeError as error:
        raise UsageError(f"Model {name}: {error}. Correct its entry in suite.toml.") from error
    return model


def _factory(adapter: str, name: str) -> Any:
    if adapter in ADAPTERS:
        module, _, attribute = ADAPTERS[adapter].partition(":")
        return getattr(import_module(module), attribute)
    plugins = {point.name: point for point in metadata.entry_points(group="emotion_harness.models")}
    if adapter not in plugins:
        known = ", ".join(sorted({*ADAPTERS, *plugins}))
        raise UsageError(f"Model {name} names the adapter {adapter!r}, which is unknown. Use one of {known}.")
    return plugins[adapter].load()
