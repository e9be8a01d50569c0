"""A run folder, read back: what reports and comparisons work from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import DataError, UsageError
from harness.predictions.table import Predictions
from harness.runs.folder import CELLS, CLAIMS, RECORD, check_content, is_run
from harness.runs.pictures import Pictures, read_pictures
from harness.runs.record import check_claims, check_record
from harness.tools.sealed import regular
from harness.tools.slow_paths import line


@dataclass(frozen=True)
class Run:
    """The content of a run folder.

    Attributes:
        path: The folder.
        record: run.json.
        claims: claims.json.
        predictions: Cell id to predictions, in the order of run.json; only cells with a readable file.
        problems: One line per problem of the run and per file that could not be read back.
        pictures: Thumbnails of some samples, where the run kept any.
    """

    path: Path
    record: Mapping[str, Any]
    claims: Sequence[Mapping[str, Any]]
    predictions: Mapping[str, Predictions]
    problems: Sequence[str]
    pictures: Pictures = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The run's name."""
        return str(self.record.get("run") or self.path.name)

    @property
    def skipped(self) -> Sequence[Mapping[str, Any]]:
        """What was skipped, entries {what, reason}."""
        return self.record.get("skipped") or ()

    @property
    def new_snapshots(self) -> Sequence[Mapping[str, Any]]:
        """Cells without a snapshot, entries {cell, command}: the command records it."""
        return self.record.get("new_snapshots") or ()

    @property
    def slow_paths(self) -> Sequence[str]:
        """What went slower or worse than it could have, one line each."""
        return [line(entry) for entry in self.record.get("slow_paths") or ()]

    @property
    def skipped_by_reason(self) -> dict[str, list[str]]:
        """What was skipped, by reason, in order of first appearance."""
        grouped: dict[str, list[str]] = {}
        for item in self.skipped:
            grouped.setdefault(str(item["reason"]), []).append(str(item["what"]))
        return grouped

    @property
    def published(self) -> Sequence[Mapping[str, Any]]:
        """Published results that claims lean on: {model, dataset, n, metrics, source, note, findings}.

        Those that an audit found fault with come first.
        """
        return sorted(self.record.get("published") or (), key=lambda entry: not entry.get("findings"))


def read_run(run_dir: Path) -> Run:
    """Reads run.json, claims.json, cells/*.parquet and pictures.parquet.

    A run that judged nothing may lack claims.json and cells. A cell or a picture that cannot be read becomes
    a problem of the run: one broken file must not cost the reader the rest of the report.

    Raises:
        UsageError: `run_dir` is not a run folder.
        DataError: run.json or claims.json is broken.
    """
    record, claims = read_record(run_dir), _read_claims(run_dir / CLAIMS)
    predictions, unreadable = _read_cells(run_dir, record)
    order = [str(cell["id"]) for cell in record.get("cells") or ()]
    missing = [
        f"Cell {cell} has no predictions file in {run_dir.name}/cells."
        for cell in order
        if cell not in predictions and not unreadable
    ]
    ranks = {cell: rank for rank, cell in enumerate(order)}
    ordered = sorted(predictions, key=lambda cell: ranks.get(cell, len(ranks)))
    problems = [*(record.get("problems") or ()), *unreadable, *missing]
    try:
        pictures = read_pictures(run_dir)
    except DataError as error:
        pictures, problems = {}, [*problems, str(error)]
    return Run(run_dir, record, claims, {cell: predictions[cell] for cell in ordered}, problems, pictures)


def read_record(run_dir: Path) -> dict[str, Any]:
    """Reads run.json.

    Raises:
        UsageError: `run_dir` is not a run folder.
        DataError: run.json is broken.
    """
    path = run_dir / RECORD
    if not is_run(run_dir):
        raise UsageError(
            f"{run_dir} is not the folder of a run: it holds no {RECORD}. Give one that an eval run wrote."
        )
    record: dict[str, Any] = _read_json(path, dict)
    check_record(record, path)
    return record


def _read_claims(path: Path) -> list[dict[str, Any]]:
    claims: list[dict[str, Any]] = _read_json(path, list) if path.exists() else []
    check_claims(claims, path)
    return claims


def _read_cells(run_dir: Path, record: Mapping[str, Any]) -> tuple[dict[str, Predictions], list[str]]:
    written = {cell.get("file"): cell.get("sha256") for cell in record.get("cells") or ()}
    predictions, unreadable = {}, []
    for path in sorted((run_dir / CELLS).glob("*.parquet")):
        try:
            check_content(path, written.get(f"{CELLS}/{path.name}"))
            read = Predictions.read(path)
        except DataError as error:
            unreadable.append(str(error))
        else:
            if len(read):
                predictions[str(read.cell)] = read
            else:
                unreadable.append(f"{path} holds no samples.")
    return predictions, unreadable


def _read_json(path: Path, kind: type[Any]) -> Any:
    try:
        content = json.loads(regular(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read ({error}). Make the run again.") from error
    if not isinstance(content, kind):
        raise DataError(f"{path} does not hold a {kind.__name__}. Make the run again.")
    return content
