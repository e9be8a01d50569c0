"""What the tables of a suite may hold, before anything is made of them: names and types of all keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge, Le

from harness.claims import Outcome
from harness.datasets.registry import DATASETS
from harness.metrics.registry import METRICS
from harness.models.registry import MODELS
from harness.restoration.registry import RESTORATIONS
from harness.suite.parts import Profile
from harness.suite.source import Source
from harness.tools.adapters import Adapters, find_adapter
from harness.tools.forms import Words, read

_TABLE = Mapping[str, Any]
# Whose entries are described by the signatures of their adapters.
ADAPTED: Mapping[str, Adapters] = {
    "datasets": DATASETS,
    "models": MODELS,
    "restorations": RESTORATIONS,
    "metrics": METRICS,
}
SUITE: Mapping[str, Any] = {
    **{
        name: Annotated[Mapping[str, _TABLE], Words(f"[{name}.NAME]")]
        for name in ("profiles", *ADAPTED, "prompts", "claims")
    },
    "noise_ceilings": Mapping[str, float],
    "published": str,
    "seed": Annotated[int, Ge(0)],
}
RATE = Annotated[float, Ge(0), Le(1)]
# What the harness itself reads of entries whose adapter may be anybody's.
READ: Mapping[str, Mapping[str, Any]] = {
    "datasets": DATASETS.shared,
    "models": {**MODELS.shared, "restoration": str},
    "restorations": {"size": int},
    "metrics": {},
}
CLAIM: Mapping[str, Any] = {
    "adapter": str,
    "encoder": str | Mapping[str, str],
    "expected": Outcome,
    "override": Annotated[list[_TABLE], Words("[[claims.NAME.override]]")],
    "prompts": list[str],
    "restorations": list[str],
}
OVERRIDE: Mapping[str, Any] = {"cell": str, "expected": Outcome, "reason": str}


def check_tables(source: Source) -> None:
    """Checks every key of a suite but those of prompts.

    Raises:
        UsageError: a key is unknown or of another type; the message names file, line, table and key.
    """
    tables = read(source.tables, SUITE, source.who("The top level"), noun="table")
    ceilings = tables.get("noise_ceilings", {})
    read(ceilings, dict.fromkeys(ceilings, RATE), source.who("[noise_ceilings]", "noise_ceilings"))
    for name, body in tables.get("profiles", {}).items():
        Profile.read(body, source.who(f"Profile {name}", "profiles", name))
    for table in ADAPTED:
        for name, body in tables.get(table, {}).items():
            _check_entry(table, name, body, source)
    for name, body in tables.get("claims", {}).items():
        read(body, CLAIM, source.who(f"[claims.{name}]", "claims", name))
        for index, override in enumerate(body.get("override", ())):
            who = source.who(f"An override of claim {name}", "claims", name, "override", index)
            read(override, OVERRIDE, who, required=OVERRIDE)


def _check_entry(table: str, name: str, body: _TABLE, source: Source) -> None:
    """An entry: all of it for an adapter of the harness, else what all may hold, as others come later."""
    who, adapters = source.who(f"[{table}.{name}]", table, name), ADAPTED[table]
    read(body, {**READ[table], "adapter": str}, who, more=True)
    adapter = body.get("adapter", name if table in ("datasets", "metrics") else "")
    if adapter in adapters.built_in:
        found = find_adapter(adapter, name, adapters.built_in, adapters.group)
        adapters.check(found, body, who, whole=False)  # an entry that nobody asks for may be a draft
