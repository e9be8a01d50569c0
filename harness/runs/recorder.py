"""Collects what the tests of a run found and writes the run folder."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.claims import Verdict
from harness.claims.audit import audit
from harness.predictions import Predictions
from harness.predictions.table import USAGE
from harness.runs.environment import environment
from harness.runs.folder import CELLS, CLAIMS, RECORD, cell_file, content_digest, point_latest_at
from harness.suite import Expectation, Suite
from harness.tools.atomic import write_atomically
from harness.tools.slow_paths import entries

if TYPE_CHECKING:
    from harness.engine import Report


def record_predictions(run: Path, predictions: Predictions, kind: str) -> dict[str, Any]:
    """Keeps a cell's predictions in the run folder; returns its entry of run.json."""
    cell, table = predictions.cell, predictions.table
    path = cell_file(run, str(cell))
    if not path.exists():
        predictions.write(path)
    return {
        "id": str(cell),
        "model": cell.model,
        "dataset": cell.dataset,
        "split": cell.split,
        "restoration": cell.restoration,
        "prompt": cell.prompt,
        "kind": kind,
        "n": len(predictions),
        "file": f"{CELLS}/{path.name}",
        **({"card": predictions.card} if predictions.card else {}),
        **{name: float(table[name].sum()) for name in USAGE if name in table and table[name].notna().any()},
    }


def claim_entry(
    verdict: Verdict, expected: Expectation, hypothesis: str, test: str, *, limited: bool = False
) -> dict[str, Any]:
    """An entry of claims.json; of a limited run, which the expectation is not about."""
    return {
        **verdict.as_dict(),
        "hypothesis": hypothesis,
        "test": test,
        "expected": expected.outcome,
        "expected_reason": expected.reason,
        "as_expected": verdict.outcome == expected.outcome,
        "limited": limited,
    }


@dataclass
class Recorder:
    """What a run found, as its tests report it (from any worker, in any order)."""

    run: Path
    about: dict[str, Any]
    started: float = field(default_factory=time.time)
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    cells: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: dict[tuple[str, str], None] = field(default_factory=dict)
    problems: dict[str, None] = field(default_factory=dict)
    loads: Counter[str] = field(default_factory=Counter)
    restoration_costs: dict[str, dict[str, Any]] = field(default_factory=dict)
    new_snapshots: dict[str, dict[str, str]] = field(default_factory=dict)
    snapshot_folders: set[str] = field(default_factory=set)
    found_slow: list[dict[str, Any]] = field(default_factory=list)

    def add(self, found: Mapping[str, Any]) -> None:
        """Takes in what one test found, see the attributes."""
        if "claim" in found:
            self.claims[found["claim"]["test"]] = found["claim"]
        for cell in found.get("cells", ()):
            self.cells[cell["id"]] = cell
        for what, reason in found.get("skipped", ()):
            self.skipped[(what, reason)] = None
        self.problems.update(dict.fromkeys(found.get("problems", ())))
        self.found_slow.extend(found.get("slow_paths", ()))
        self.new_snapshots |= {new["cell"]: new for new in found.get("new_snapshots", ())}
        self.snapshot_folders.update(found.get("snapshot_folders", ()))

    def __bool__(self) -> bool:
        return bool(self.claims or self.cells or self.skipped or self.problems or self.found_slow)

    def add_report(self, report: Report) -> None:
        """Takes in what the engine did."""
        self.loads.update(report.loads["answer"])
        self.found_slow.extend(one.as_dict() for one in report.slow_paths)
        self.restoration_costs.update({cost["restoration"]: cost for cost in report.restoration_costs})

    @cached_property
    def slow_paths(self) -> list[dict[str, Any]]:
        """The entries of run.json; their tracebacks are written into the run folder. Read when all is in."""
        return entries(self.found_slow, self.run)

    def sorted_claims(self) -> list[dict[str, Any]]:
        """The entries of claims.json; those whose evidence is barred come last."""
        return sorted(self.claims.values(), key=lambda claim: (bool(claim["barred"]), claim["test"]))

    def write(self, suite: Suite) -> None:
        """Writes run.json and claims.json and points reports/latest at the run."""
        finished = time.time()
        record = {
            "run": self.run.name,
            **self.about,
            "started": _iso(self.started),
            "finished": _iso(finished),
            "seconds": round(finished - self.started, 2),
            "environment": environment(),
            "model_loads": dict(sorted(self.loads.items())),
            "slow_paths": self.slow_paths,
            "skipped": [{"what": what, "reason": reason} for what, reason in sorted(self.skipped)],
            "problems": list(self.problems),
            "cells": [self._with_digest(self.cells[key]) for key in sorted(self.cells)],
            "published": self._published(suite),
            "restoration_costs": [self.restoration_costs[name] for name in sorted(self.restoration_costs)],
            "new_snapshots": [
                {"cell": cell, "command": self.new_snapshots[cell]["command"]}
                for cell in sorted(self.new_snapshots)
            ],
        }
        _write_json(self.run / RECORD, record)
        _write_json(self.run / CLAIMS, self.sorted_claims())
        point_latest_at(self.run)

    def _with_digest(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        """The entry of a cell, with what its file holds now that no worker writes it any more."""
        try:
            return {**cell, "sha256": content_digest(self.run / cell["file"])}
        except OSError:  # a problem of the report, not the end of the record
            return dict(cell)

    def _published(self, suite: Suite) -> list[dict[str, Any]]:
        judged = " ".join(claim["cell"] for claim in self.claims.values())
        numbers = [number for number in suite.published if number.model in judged]
        return [
            {
                "model": number.model,
                "dataset": f"{number.dataset}:{number.split}",
                "restoration": number.restoration,
                "n": number.n,
                "metrics": dict(number.metrics),
                "source": number.source,
                "note": number.note,
                "findings": audit(
                    number, suite.published, suite.noise_ceilings.get(f"{number.dataset}:{number.split}")
                ),
            }
            for number in numbers
        ]


def _write_json(path: Path, value: Any) -> None:
    body = json.dumps(value, indent=1, ensure_ascii=False).encode()
    write_atomically(path, lambda file: file.write(body))


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="seconds")
