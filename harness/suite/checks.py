"""What the tables of a suite may hold, before anything is made of them: names and types of all keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from harness.adapters import Adapters, find_adapter
from harness.claims import Outcome
from harness.datasets.registry import DATASETS
from harness.errors import UsageError
from harness.forms import check_keys, check_values, fits, form
from harness.metrics.registry import METRICS
from harness.models.registry import MODELS
from harness.nearest import nearest
from harness.restoration.registry import RESTORATIONS
from harness.suite.parts import Profile

_TABLE = Mapping[str, Any]
# Entries of the first are described by the signatures of their adapters, prompts by `read_prompts`.
_ADAPTED: Mapping[str, Adapters] = {
    "datasets": DATASETS,
    "models": MODELS,
    "restorations": RESTORATIONS,
    "metrics": METRICS,
}
TABLES = ("profiles", *_ADAPTED, "prompts", "claims")
_FORMS: Mapping[str, Any] = {
    **dict.fromkeys(TABLES, Mapping[str, _TABLE]),
    "noise_ceilings": Mapping[str, float],
    "published": str,
    "seed": int,
}
# What the harness itself reads of entries whose adapter may be anybody's.
_READ: Mapping[str, Mapping[str, Any]] = {
    "datasets": DATASETS.shared,
    "models": {**MODELS.shared, "restoration": str},
    "restorations": {"size": int},
    "metrics": {},
}
_CLAIM: Mapping[str, Any] = {
    "adapter": str,
    "encoder": str | Mapping[str, str],
    "expected": Outcome,
    "override": list[_TABLE],
    "prompts": list[str],
    "restorations": list[str],
}
_OVERRIDE = {"cell": str, "expected": Outcome, "reason": str}


def check_tables(raw: Mapping[str, Any], path: Path) -> None:
    """Checks every key of a suite but those of prompts.

    Raises:
        UsageError: a key is unknown or of another type; the message names file, table and key.
    """
    _check_top(raw, path)
    for name, body in raw.get("profiles", {}).items():
        who = f"Profile {name} of {path}"
        check_keys(body, get_type_hints(Profile), who)
        if "datasets" not in body:
            raise UsageError(f"{who} lacks datasets. Write a list of dataset:split.")
    for table in _ADAPTED:
        for name, body in raw.get(table, {}).items():
            _check_entry(table, name, body, path)
    for name, body in raw.get("claims", {}).items():
        _check_claim(name, body, path)


def _check_top(raw: Mapping[str, Any], path: Path) -> None:
    for name, value in raw.items():
        if name not in _FORMS:
            raise UsageError(
                f"The suite {path} has the unknown table {name!r}. Remove or rename it. "
                f"{nearest(name, _FORMS)}"
            )
        if not fits(value, _FORMS[name]) or (name in TABLES and not _holds_tables(value)):
            wanted = f"[{name}.NAME]" if name in TABLES else form(_FORMS[name])
            raise UsageError(f"The suite {path} gives {name} in another form than {wanted}. Write it so.")
    if raw.get("seed", 0) < 0:
        raise UsageError(f"The suite {path} has seed = {raw['seed']}. Write 0 or more.")
    for source, rate in raw.get("noise_ceilings", {}).items():
        if not 0 <= rate <= 1:
            raise UsageError(f"[noise_ceilings] of {path} has {source} = {rate}. Write a number from 0 to 1.")


def _holds_tables(value: Mapping[str, Any]) -> bool:
    return all(isinstance(body, Mapping) for body in value.values())


def _check_entry(table: str, name: str, body: Mapping[str, Any], path: Path) -> None:
    """An entry: all of it for an adapter of the harness, else what all may hold, as others come later."""
    who, adapters = f"[{table}.{name}] of {path}", _ADAPTED[table]
    check_values(body, {**_READ[table], "adapter": str}, who)
    adapter = body.get("adapter", name if table in ("datasets", "metrics") else "")
    if adapter in adapters.built_in:
        found = find_adapter(adapter, who, adapters.built_in, adapters.group)
        adapters.check(found, body, who, whole=False)  # an entry that nobody asks for may be a draft


def _check_claim(name: str, body: Mapping[str, Any], path: Path) -> None:
    who = f"[claims.{name}] of {path}"
    overrides = body.get("override", [])
    if not fits(overrides, list[_TABLE]) or not all(isinstance(one, Mapping) for one in overrides):
        raise UsageError(f"{who} has override in another form than a list. Write [[claims.{name}.override]].")
    check_keys(body, _CLAIM, who)
    for override in overrides:
        where = f"An override of claim {name} in {path}"
        check_keys(override, _OVERRIDE, where)
        if override.keys() != _OVERRIDE.keys():
            raise UsageError(f"{where} is not `cell`, `expected` and `reason`. Give these three.")
