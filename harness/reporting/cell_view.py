"""What report.html shows of one cell: figures, confusion, classes, reliability and answers that are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.errors import UsageError
from harness.metrics import confusion_table, reliability_curve
from harness.predictions.cell import NO_PROMPT
from harness.predictions.table import Predictions
from harness.reporting.metric_table import Figure, figures
from harness.reporting.text import plain
from harness.reporting.unanswered import unanswered

NO_ANSWER = "no valid answer"
_BINS = 10


@dataclass(frozen=True)
class ConfusionCell:
    """How often one answer was given to one class: a count, its share of the class, and how it is drawn."""

    answer: str
    count: int
    share: float
    look: str


@dataclass(frozen=True)
class ConfusionRow:
    """A class and the answers it got."""

    label: str
    total: int
    cells: tuple[ConfusionCell, ...]


@dataclass(frozen=True)
class ClassRow:
    """A class with its recall, precision and F1."""

    label: str
    support: int
    recall: Figure
    precision: Figure
    f1: Figure


@dataclass(frozen=True)
class Bin:
    """Samples of similar confidence: their mean confidence, accuracy, and number."""

    low: float
    high: float
    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True)
class InvalidAnswer:
    """A sample without a valid answer, with what the model said and why it does not count."""

    sample_id: str
    outcome: str
    raw_text: str
    reason: str


@dataclass(frozen=True)
class CellView:
    """One cell of the grid as the report shows it; every text is plain, not yet escaped."""

    anchor: str
    name: str
    model: str
    source: str
    conditions: str
    kind: str
    n: int
    figures: Mapping[tuple[str, str | None], Figure]
    scalars: tuple[tuple[str, Figure], ...]
    answers: tuple[str, ...]
    confusion: tuple[ConfusionRow, ...]
    classes: tuple[ClassRow, ...]
    reliability: tuple[Bin, ...]
    notes: tuple[str, ...]
    invalid: tuple[InvalidAnswer, ...]
    card: str


def cell_view(
    predictions: Predictions, table: pd.DataFrame, headings: Mapping[str, str], *, anchor: str, kind: str = ""
) -> CellView:
    """Collects what there is to show.

    Args:
        predictions: The cell's answers.
        table: Its `metric_table`.
        headings: What to call the metrics that are shown.
        anchor: What links inside the page call it.
        kind: The model's capability, e.g. "classifier".
    """
    found, cell = figures(table), predictions.cell
    labels = predictions.task.space.labels if predictions.task.space else ()
    answers, confusion = _confusion(predictions) if labels else ((), ())
    return CellView(
        anchor=anchor,
        name=plain(cell),
        model=plain(cell.model),
        source=plain(cell.source),
        conditions=", ".join(
            plain(text)
            for value, default, text in (
                (cell.restoration, "none", f"restoration {cell.restoration}"),
                (cell.prompt, NO_PROMPT, cell.prompt),
            )
            if value != default
        ),
        kind=plain(kind),
        n=len(predictions),
        figures=found,
        scalars=tuple(
            (name, found[metric, None]) for metric, name in headings.items() if (metric, None) in found
        ),
        answers=answers,
        confusion=confusion,
        classes=tuple(
            ClassRow(
                row.label, row.total, *(found[metric, label] for metric in ("recall", "precision", "f1"))
            )
            for label, row in zip(labels, confusion, strict=True)
            if ("recall", label) in found
        ),
        reliability=_reliability(predictions),
        notes=tuple(unanswered(predictions)),
        invalid=_invalid(predictions),
        card=plain(predictions.card),
    )


def _confusion(predictions: Predictions) -> tuple[tuple[str, ...], tuple[ConfusionRow, ...]]:
    """The answers that head the columns, and the rows; the last column only if some answer was not valid."""
    labels = [plain(label, 60) for label in predictions.space.labels]
    counts = confusion_table(predictions.gold, predictions.answers, len(labels))
    answers = [*labels, NO_ANSWER] if counts[:, -1].any() else labels
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    rows = (
        ConfusionRow(
            label,
            int(totals[i]),
            tuple(
                ConfusionCell(
                    answer, int(counts[i, j]), float(shares[i, j]), _look(shares[i, j], i, j, len(labels))
                )
                for j, answer in enumerate(answers)
            ),
        )
        for i, label in enumerate(labels)
    )
    return tuple(answers), tuple(rows)


def _look(share: float, row: int, column: int, labels: int) -> str:
    marks = {"strong": share > 0.5, "right": row == column, "none": column == labels}
    return " ".join(mark for mark, applies in marks.items() if applies)


def _reliability(predictions: Predictions) -> tuple[Bin, ...]:
    """Bins that hold a sample; none when there are no scores or they are not probabilities."""
    if predictions.probabilities is None:
        return ()
    try:
        curve = reliability_curve(predictions.probabilities, predictions.gold, _BINS)
    except UsageError:
        return ()
    return tuple(
        Bin(i / _BINS, (i + 1) / _BINS, float(confidence), float(accuracy), int(found))
        for i, (confidence, accuracy, found) in enumerate(zip(*curve, strict=True))
        if found
    )


def _invalid(predictions: Predictions) -> tuple[InvalidAnswer, ...]:
    """The first two of each kind of answer that is none."""
    invalid = predictions.table[predictions.table["outcome"] != "parsed"]
    first = invalid.groupby("outcome", sort=False).head(2)[["sample_id", "outcome", "raw_text", "reason"]]
    first = (
        first.astype(object).where(first.notna(), "").assign(outcome=first["outcome"].str.replace("_", " "))
    )
    return tuple(InvalidAnswer(*(plain(text, 300) for text in row)) for row in first.itertuples(index=False))
