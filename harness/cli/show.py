"""How the verbs of `harness` show what they found."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from harness.predictions import Predictions


@contextmanager
def progress(title: str) -> Iterator[Callable[[object, int, int], None]]:
    """A progress bar on standard error where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(title, total=None)
        yield lambda cell, done, total: bar.update(task, advance=done, total=total)


def show_metrics(predictions: Predictions, as_json: bool, title: str, **more: Any) -> None:
    """The table of metrics, and what else there is to say of the answers, as text or JSON; `more` as JSON."""
    from harness.metrics.registry import left_out, registered
    from harness.reporting.metric_table import markdown_table, metric_table
    from harness.reporting.unanswered import unanswered

    table = metric_table(predictions)
    if as_json:
        rows = json.loads(table.to_json(orient="records", double_precision=12))
        about = {"dataset": predictions.cell.source, "n": len(predictions), "notes": unanswered(predictions)}
        checked = {"card": predictions.card} if predictions.card else {}
        print_json({**about, "metrics": rows, **checked, "problems": predictions.problems, **more})
        return
    typer.echo(f"{title}, n = {len(predictions):,}\n")
    typer.echo("\n".join([markdown_table(table), *(f"\n{note}" for note in unanswered(predictions))]))
    if predictions.card:
        typer.echo(f"{predictions.cell.model} {predictions.card}")
    if line := left_out(registered(), predictions.task.name):
        typer.echo(line)
    for problem in predictions.problems:
        typer.echo(f"problem: {problem}")


def print_json(value: Any) -> None:
    """A value as JSON on standard output."""
    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))
