"""Writes the reports of a run folder: metrics.csv, report.md and report.html."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path

import pandas as pd

from harness.errors import HarnessError, Unavailable
from harness.metrics.registry import left_out, registered
from harness.predictions.cell import Cell
from harness.predictions.table import Predictions
from harness.reporting.baseline import Comparison, compare
from harness.reporting.html import render_html
from harness.reporting.markdown import render_markdown
from harness.reporting.metric_table import COLUMNS, Measures
from harness.runs import Run, read_run
from harness.tools.atomic import write_atomically
from harness.tools.csv_cells import inert
from harness.tools.third_party import warnings_never_raise


@warnings_never_raise()
def write_report(run_dir: Path, measure: Measures | None = None) -> Path:
    """Writes metrics.csv, report.md and report.html into a run folder, over those of an earlier call.

    Args:
        run_dir: The folder.
        measure: The metrics; None for all that are registered.

    Returns:
        Path of report.html; of report.md when jinja2 is not installed, after a line on stderr that says so.

    Raises:
        UsageError: `run_dir` is not the folder of a run.
        DataError: run.json or claims.json is broken.
    """
    measure = measure or Measures()
    run, tables = _measured(read_run(run_dir), measure)
    run, comparison = _with_baseline(run)
    _write(run_dir / "metrics.csv", _all_metrics(run.predictions, tables).to_csv(index=False))
    _write(run_dir / "report.md", render_markdown(run, tables, comparison))
    try:
        page = render_html(run, tables, comparison, measure.headings)
    except Unavailable as error:
        print(error, file=sys.stderr)
        return run_dir / "report.md"
    _write(run_dir / "report.html", page)
    return run_dir / "report.html"


def _measured(run: Run, measure: Measures) -> tuple[Run, dict[str, pd.DataFrame]]:
    """The metric table of every cell; a cell that cannot be measured becomes a problem of the run."""
    alpha, seed = float(run.record.get("alpha") or 0.05), int(run.record.get("seed") or 0)
    tables, problems = {}, list(run.problems)
    for cell, predictions in run.predictions.items():
        try:
            tables[cell] = measure(predictions, alpha=alpha, seed=seed)
            if line := left_out([*registered(), *measure.more], predictions.task.name):
                problems.append(f"Cell {cell}: {line}")
        except HarnessError as error:
            problems.append(f"Cell {cell} has no metrics: {error}")
    measured = {cell: run.predictions[cell] for cell in tables}
    return replace(run, predictions=measured, problems=problems), tables


def _with_baseline(run: Run) -> tuple[Run, Comparison | None]:
    """What changed since the run that run.json names as "baseline": a path, or the name of a sibling.

    A baseline that is gone becomes a problem of the report, not its end.
    """
    name = run.record.get("baseline")
    if not name:
        return run, None
    sibling = run.path.parent / str(name)
    try:
        return run, compare(run, read_run(sibling if sibling.is_dir() else Path(name)))
    except HarnessError as error:
        return replace(run, problems=[*run.problems, f"No comparison with the baseline: {error}"]), None


def _all_metrics(predictions: Mapping[str, Predictions], tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per cell and metric: the cell's id and parts, then the columns of its metric table."""
    parts = [pd.DataFrame(columns=["cell", *(part.name for part in fields(Cell)), *COLUMNS])]
    for cell, table in tables.items():
        named = table.assign(cell=cell, **asdict(predictions[cell].cell))
        parts.append(named[list(parts[0].columns)])
    every: pd.DataFrame = pd.concat(parts[1:] or parts, ignore_index=True)
    texts = [*(part.name for part in fields(Cell)), "cell", "metric", "label", "method"]
    return every.assign(**{name: every[name].map(inert, na_action="ignore") for name in texts})


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode("utf-8", "replace")))
