"""Restorers by name. Each lives in its own module, imported when first used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import Unavailable, UsageError
from harness.models.base import Context
from harness.restoration.base import Restorer
from harness.restoration.images import SIZE
from harness.tools.adapters import Adapters, adapter_names, find_adapter
from harness.tools.nearest import nearest
from harness.tools.third_party import warnings_never_raise

# Pixels as published: there is nothing to build.
NONE = "none"
ADAPTERS: dict[str, str] = {
    "nearest": "harness.restoration.interpolation:nearest",
    "bicubic": "harness.restoration.interpolation:bicubic",
    "lanczos": "harness.restoration.interpolation:lanczos",
    "gfpgan": "harness.restoration.gfpgan:Gfpgan",
    "spandrel": "harness.restoration.spandrel:Spandrel",
}
# They only change the size: what a restorer must beat, and restorations without an entry in the suite.
CONTROLS = ("nearest", "bicubic", "lanczos")
GROUP = "emotion_harness.restorations"
RESTORATIONS = Adapters(ADAPTERS, GROUP, given=("context",))

Entries = Mapping[str, Mapping[str, Any]]


@warnings_never_raise()
def build_restorer(name: str, entries: Entries, context: Context) -> Restorer:
    """Builds a restorer, without loading weights.

    Args:
        name: a key of `entries`, or one of `CONTROLS`.
        entries: the suite's `[restorations.NAME]`: `adapter` and the adapter's own options.
        context: where weights are looked for.

    Raises:
        Unavailable: there is no such entry, or its package or weights are absent.
        UsageError: the entry is wrong.
    """
    entry = _entry(name, entries)
    if entry is None:
        raise Unavailable(
            f"Restoration {name} has no entry in the suite. Add [restorations.{name}] with an adapter and "
            f"its weights, or use none, {', '.join(CONTROLS)}. "
            f"{nearest(name, runnable_restorations(entries))}"
        )
    factory = find_adapter(entry.get("adapter", ""), f"Restoration {name}", ADAPTERS, GROUP)
    options = RESTORATIONS.check(factory, entry, f"Restoration {name}")
    try:
        restorer: Restorer = factory(context=context, **options)
    except TypeError as error:
        raise UsageError(f"Restoration {name}: {error}. Correct its entry in suite.toml.") from error
    return restorer


def known_restorations(entries: Entries) -> list[str]:
    """What a profile may name: `none`, adapters (most of which need an entry, as said later), entries."""
    return [NONE, *adapter_names(ADAPTERS, GROUP), *entries]


def runnable_restorations(entries: Entries) -> list[str]:
    """What can be done to pixels here as it is named: `none`, the interpolations, entries."""
    return list(dict.fromkeys([NONE, *CONTROLS, *entries]))


def is_control(name: str, entries: Entries) -> bool:
    """Whether a restoration adds nothing to the picture: `none` and the interpolations, at any size."""
    entry = _entry(name, entries)
    return name == NONE or (entry is not None and entry.get("adapter") in CONTROLS)


def output_size(name: str, entries: Entries) -> int | None:
    """The shorter side of what a restoration makes, in pixels; None where that is the published one."""
    entry = _entry(name, entries)
    return None if entry is None else int(entry.get("size", SIZE))


def _entry(name: str, entries: Entries) -> Mapping[str, Any] | None:
    return entries.get(name, {"adapter": name} if name in CONTROLS else None)
