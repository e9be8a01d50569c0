"""What run.json and claims.json hold, checked as anybody may have edited them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import DataError, UsageError
from harness.tools.forms import read

# What is read of a run, and of the entries of its lists; whatever else stands there is only shown.
_TABLE = Mapping[str, Any]
_RECORD: Mapping[str, Any] = {
    **dict.fromkeys(("run", "baseline", "started", "finished", "command", "suite", "profile"), str | None),
    **dict.fromkeys(("alpha", "seconds"), float | None),
    **dict.fromkeys(("seed", "limit", "gallery"), int | None),
    "problems": list[str] | None,
    "environment": _TABLE | None,
    "model_loads": Mapping[str, float] | None,
}
_LISTS: Mapping[str, Mapping[str, Any]] = {
    "cells": {"id": str},
    "skipped": {"what": str, "reason": str},
    "new_snapshots": {"cell": str, "command": str},
    "slow_paths": {"model": str, "path": str, "kind": str, "reason": str},
    "published": {"model": str, "dataset": str},
    "restoration_costs": {"restoration": str, "seconds_per_image": float, "images": int},
}
_ENVIRONMENT: Mapping[str, Any] = {
    **dict.fromkeys(("python", "platform", "cpu"), str | None),
    "cores": int | None,
    "memory_gb": float | None,
    "packages": Mapping[str, str] | None,
}
_MORE: Mapping[str, Mapping[str, Any]] = {
    "cells": {"file": str | None, "sha256": str | None},
    "published": {
        "n": float | None,
        "metrics": _TABLE | None,
        "findings": list[str] | None,
    },
    "restoration_costs": {"peak_memory_mb": float | None},
}
_CLAIM = {"claim": str, "cell": str, "verdict": str, "as_expected": bool}
_EFFECT = {"name": str | None, **dict.fromkeys(("value", "low", "high"), float | None)}
_FIGURES: Mapping[str, Any] = {
    **dict.fromkeys(
        ("n", "n_needed", "p_value", "p_adjusted", "threshold", "detectable_effect", "family_size"),
        float | None,
    ),
    **dict.fromkeys(("reason", "method", "hypothesis", "expected", "expected_reason"), str | None),
    "effect": _TABLE | None,
    "secondary": list[_TABLE] | None,
    "notes": list[str] | None,
}


def check_record(record: Mapping[str, Any], path: Path) -> None:
    """Checks what is read of run.json.

    Raises:
        DataError: it is not what a run writes.
    """
    _check(record, _RECORD, {}, str(path))
    _check(record.get("environment") or {}, _ENVIRONMENT, {}, f"environment of {path}")
    for name, needed in _LISTS.items():
        for entry in _tables(record.get(name) or [], f"{name} of {path}"):
            _check(entry, _MORE.get(name, {}), needed, f"an entry of {name} of {path}")


def check_claims(claims: Sequence[Any], path: Path) -> None:
    """Checks what is read of claims.json.

    Raises:
        DataError: it is not what a run writes.
    """
    for claim in _tables(claims, str(path)):
        _check(claim, _FIGURES, _CLAIM, f"a claim of {path}")
        _check(claim.get("effect") or {}, _EFFECT, {}, f"an effect of {path}")
        for other in _tables(claim.get("secondary") or [], str(path)):
            _check(other, _EFFECT, {"name": str}, f"an effect of {path}")


def _tables(entries: Any, where: str) -> Sequence[Mapping[str, Any]]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"{where} is no list of tables. Make the run again.")
    return entries


def _check(
    values: Mapping[str, Any], optional: Mapping[str, Any], needed: Mapping[str, Any], where: str
) -> None:
    if lacking := [key for key in needed if key not in values]:
        raise DataError(f"{where} lacks {lacking[0]}. Make the run again.")
    try:
        read(values, {**optional, **needed}, where, more=True)
    except UsageError as error:
        raise DataError(f"{error} Or make the run again.") from error
