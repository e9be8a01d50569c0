"""report.html: one file with everything in it, no script, nothing fetched.

Autoescape is on and the page forbids scripts and requests to itself (Content-Security-Policy), so that no
label, file name or answer can do more than be read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from harness.errors import Unavailable
from harness.reporting.baseline import Comparison
from harness.reporting.cell_view import CellView, cell_view
from harness.reporting.charts import UNIT, Axis, axis
from harness.reporting.environment import environment_facts, packages
from harness.reporting.run import Run
from harness.reporting.text import count, number, plain
from harness.reporting.verdicts import MARKS, VerdictRow, headline, verdict_rows

COMPARED = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "coverage": "coverage",
    "ece": "calibration error",
}

if TYPE_CHECKING:
    from markupsafe import Markup


def render_html(run: Run, tables: Mapping[str, pd.DataFrame], comparison: Comparison | None) -> str:
    """The report of `run` as one HTML page.

    Args:
        run: The run.
        tables: Cell id to its `metric_table`.
        comparison: What changed since the baseline, when the run has one.

    Raises:
        Unavailable: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise Unavailable(
            "report.html needs jinja2, which is not installed. Run: pip install 'emotion-harness[report]'."
        ) from error
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "plain": plain,
        "count": count,
        "typeset": typeset,
        "number": number,
        "breakable": breakable,
    }
    kinds = {str(cell["id"]): str(cell.get("kind") or "") for cell in run.record.get("cells") or ()}
    views = [
        cell_view(predictions, tables[cell], anchor=f"cell-{i}", kind=kinds.get(cell, ""))
        for i, (cell, predictions) in enumerate(run.predictions.items(), start=1)
    ]
    rows = verdict_rows(run.claims)
    return environment.get_template("report.html").render(
        run=run,
        headline=headline(run.claims, len(run.skipped)),
        surprises=[row for row in rows if not row.as_expected],
        families=families(rows),
        marks=MARKS,
        sources=sources(views),
        views=views,
        unit=UNIT,
        comparison=comparison,
        facts=environment_facts(run.record),
        packages=packages(run.record),
        level=f"{100 * (1 - float(run.record.get('alpha', 0.05))):g}\N{NO-BREAK SPACE}%",
    )


@dataclass(frozen=True)
class Family:
    """The verdicts of one claim, on an axis that all claims about the same effect share."""

    claim: str
    hypothesis: str
    effect_name: str
    axis: Axis
    rows: tuple[VerdictRow, ...]


def families(rows: Sequence[VerdictRow]) -> list[Family]:
    """Rows by claim and effect, in order of first appearance."""
    axes = {
        name: axis(
            value for row in rows if row.effect_name == name for value in (row.value, row.low, row.high)
        )
        for name in {row.effect_name for row in rows}
    }
    keys = dict.fromkeys((row.claim, row.hypothesis, row.effect_name) for row in rows)
    return [
        Family(
            *key,
            axes[key[2]],
            tuple(row for row in rows if (row.claim, row.hypothesis, row.effect_name) == key),
        )
        for key in keys
    ]


@dataclass(frozen=True)
class Source:
    """The cells of one dataset and split, on one accuracy axis."""

    name: str
    axis: Axis
    compared: Mapping[str, str]
    views: tuple[CellView, ...]


def sources(views: Sequence[CellView]) -> list[Source]:
    """Cells by dataset and split, in order of first appearance."""
    by_name: dict[str, list[CellView]] = {}
    for view in views:
        by_name.setdefault(view.source, []).append(view)
    return [_source(name, group) for name, group in by_name.items()]


def _source(name: str, views: Sequence[CellView]) -> Source:
    accuracies = [view.figures["accuracy", None] for view in views]
    ends = (end for figure in accuracies for end in (figure.value, figure.low, figure.high))
    known = {metric for view in views for metric, label in view.figures if label is None}
    if all(view.figures["coverage", None].value == 1 for view in views):
        known.discard("coverage")
    compared = {metric: heading for metric, heading in COMPARED.items() if metric in known}
    return Source(name, axis(ends, zero=False), compared, tuple(views))


def typeset(text: str) -> str:
    """Numbers with a true minus sign.

    >>> typeset("-0.052 [-0.073, -0.031] of clip-vit-b-32")
    '−0.052 [−0.073, −0.031] of clip-vit-b-32'
    """
    return re.sub(r"(?<![\w)])-(?=[\d.])", "−", text)


def breakable(text: str) -> Markup:
    """Escaped text that may break after the separators of a cell's name.

    >>> breakable("fer2013:private/none/<b>@paper")
    Markup('fer2013:<wbr>private/<wbr>none/<wbr>&lt;b&gt;@<wbr>paper')
    """
    from markupsafe import Markup

    return Markup("<wbr>").join(re.split(r"(?<=[/:_@])", text))
