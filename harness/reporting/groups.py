"""What report.html shows together: the verdicts of a claim, the cells of a dataset, the cells of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.reporting.cell_view import CellView
from harness.reporting.charts import Axis, axis
from harness.reporting.metric_table import Figure
from harness.reporting.verdicts import VerdictRow

COMPARED = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "coverage": "coverage",
    "ece": "calibration error",
}


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

    @property
    def by_model(self) -> dict[str, list[CellView]]:
        """The cells by model, in order of first appearance."""
        return _by_model(self.views)


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


@dataclass(frozen=True)
class ModelGroup:
    """The cells of one model."""

    anchor: str
    name: str
    kind: str
    views: tuple[CellView, ...]


def model_groups(views: Sequence[CellView]) -> list[ModelGroup]:
    """Cells by model, in order of first appearance."""
    return [
        ModelGroup(f"model-{i}", name, some[0].kind, tuple(some))
        for i, (name, some) in enumerate(_by_model(views).items(), start=1)
    ]


def _by_model(views: Iterable[CellView]) -> dict[str, list[CellView]]:
    grouped: dict[str, list[CellView]] = {}
    for view in views:
        grouped.setdefault(view.model, []).append(view)
    return grouped


def span(figures: Iterable[Figure]) -> str:
    """The least and the largest of some figures, in words; "n/a" when none has a value.

    >>> span([Figure(0.5, None, None, 100, ""), Figure(0.25, None, None, 100, "")])
    '0.25 to 0.50'
    """
    known = sorted(
        (figure for figure in figures if figure.value is not None), key=lambda one: one.value or 0.0
    )
    if not known:
        return "n/a"
    return known[0].text if known[0].text == known[-1].text else f"{known[0].text} to {known[-1].text}"
