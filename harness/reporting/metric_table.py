"""Every metric of a cell with its interval, as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness import metrics
from harness.errors import UsageError
from harness.predictions.table import Predictions
from harness.reporting.intervals import (
    Mask,
    Resampling,
    brier_interval,
    calibration_interval,
    settle_rate,
    settle_score,
    top_2_interval,
)
from harness.reporting.text import count, interval, markdown, number
from harness.results import Results
from harness.statistics import Estimate, metric_intervals

COLUMNS = ["metric", "label", "value", "low", "high", "n", "method"]

Name: TypeAlias = tuple[str, str | None]
Statistic: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]

_WHOLE: dict[str, Statistic] = {
    "accuracy": metrics.accuracy,
    "coverage": metrics.coverage,
    "accuracy_of_answered": metrics.accuracy_of_answered,
    "balanced_accuracy": metrics.balanced_accuracy,
    "macro_precision": metrics.macro_precision,
    "macro_recall": metrics.balanced_accuracy,
    "macro_f1": metrics.macro_f1,
    "weighted_precision": metrics.weighted_precision,
    "weighted_recall": metrics.accuracy,
    "weighted_f1": metrics.weighted_f1,
}
_PER_CLASS: dict[str, Statistic] = {
    "precision": metrics.precision_per_class,
    "recall": metrics.recall_per_class,
    "f1": metrics.f1_per_class,
}
_SCORED = {
    "ece": calibration_interval,
    "brier": brier_interval,
    "top_2_accuracy": top_2_interval,
}


@dataclass(frozen=True)
class Figure:
    """A row of the table: a value and its interval, None where undefined, and the samples behind it."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str

    @property
    def text(self) -> str:
        """The value, rounded to what n supports."""
        return number(self.value, self.n)

    @property
    def interval(self) -> str:
        """The interval, rounded likewise."""
        return interval(self.low, self.high, self.n)

    def __str__(self) -> str:
        return f"{self.text} {self.interval}".rstrip()


def metric_table(
    predictions: Predictions, *, alpha: float = 0.05, seed: int = 0, replicates: int = 2_000
) -> pd.DataFrame:
    """Metrics of a cell, all intervals of the confusion table's metrics from the same resamples.

    Args:
        predictions: The cell's answers. Samples of the same group are resampled together.
        alpha: One minus the confidence level.
        seed: Seed of the resampling.
        replicates: How many resamples (at most 1,000 for metrics of scores).

    Returns:
        One row per metric and class: `metric`; `label`, None for a metric of the whole cell; `value`; `low`
        and `high`, nan where there is no interval; `n`, the samples behind the value (per class: those of the
        class, for precision the answers that name it); `method`, how the interval was made.
        `accuracy_of_answered` stands there only when some answer is not valid, `top_2_accuracy` only with
        scores, `ece` and `brier` only if these are probabilities.

    Raises:
        UsageError: There are no samples, or alpha or `replicates` is out of range.
    """
    groups = predictions.groups
    how = Resampling(None if len(set(groups)) == len(groups) else groups, alpha, seed, replicates)
    return _table([*_answer_rows(predictions, how), *_score_rows(predictions, how)])


def remembered_table(
    results: Results, predictions: Predictions, *, alpha: float = 0.05, seed: int = 0, replicates: int = 2_000
) -> pd.DataFrame:
    """`metric_table`, computed where `results` does not remember it."""
    inputs = {
        "function": "metric_table",
        "labels": predictions.space.labels,
        "gold": predictions.gold,
        "answers": predictions.answers,
        "groups": predictions.groups,
        "scores": predictions.probabilities,
        "how": [alpha, seed, replicates],
    }
    how: Any = {"alpha": alpha, "seed": seed, "replicates": replicates}
    rows = results.remember(inputs, lambda: metric_table(predictions, **how).to_numpy(object).tolist())
    return _table(rows)


def markdown_table(table: pd.DataFrame) -> str:
    """The metric table in Markdown, values rounded to what their n supports (see `text.decimals`)."""
    lines = [
        "| metric | label | value | low | high | n | method |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for (metric, label), figure in figures(table).items():
        numbers = " | ".join(number(value, figure.n) for value in (figure.value, figure.low, figure.high))
        name = "" if label is None else markdown(label)
        lines.append(f"| {metric} | {name} | {numbers} | {count(figure.n)} | {figure.method} |")
    return "\n".join(lines)


def figures(table: pd.DataFrame) -> dict[Name, Figure]:
    """The rows of a metric table by (metric, label)."""
    found = {}
    for row in table.to_dict("records"):
        value, low, high = (
            None if np.isnan(row[end]) else float(row[end]) for end in ("value", "low", "high")
        )
        found[row["metric"], row["label"]] = Figure(value, low, high, int(row["n"]), row["method"])
    return found


def _table(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    table: pd.DataFrame = pd.DataFrame(rows, columns=COLUMNS)
    table["label"] = pd.Series([label for _, label, *_ in rows], dtype=object)  # else None becomes nan
    return table


def _answer_rows(predictions: Predictions, how: Resampling) -> Iterator[tuple[Any, ...]]:
    """Rows of the metrics of the confusion table."""
    gold, answers, labels = predictions.gold, predictions.answers, predictions.space.labels
    functions: dict[Name, Statistic] = {(metric, None): function for metric, function in _WHOLE.items()}
    if (answers >= 0).all():
        del functions["accuracy_of_answered", None]
    for k, own in enumerate(labels):
        functions |= {(metric, own): partial(_of_class, of, k) for metric, of in _PER_CLASS.items()}
    estimates = metric_intervals(
        gold,
        answers,
        len(labels),
        {str(i): function for i, function in enumerate(functions.values())},
        groups=how.groups,
        replicates=how.replicates,
        alpha=how.alpha,
        seed=how.seed,
    )
    rates = _rates(predictions)
    named = {("precision", label): int((answers == k).sum()) for k, label in enumerate(labels)}
    support = {("f1", label): int((gold == k).sum()) for k, label in enumerate(labels)}
    for (metric, label), estimate in zip(functions, estimates.values(), strict=True):
        if (metric, label) in rates:
            hits, members = rates[metric, label]
            yield _row(metric, label, settle_rate(hits, members, estimate, how), int(members.sum()))
        else:
            n = len(gold) if label is None else (named | support)[metric, label]
            yield _row(metric, label, settle_score(estimate, how), n)


def _rates(predictions: Predictions) -> dict[Name, tuple[Mask, Mask]]:
    """The metrics that are rates of samples: which samples are hits, and which count at all."""
    gold, answers = predictions.gold, predictions.answers
    right, answered, everyone = gold == answers, answers >= 0, np.ones(len(gold), bool)
    whole: dict[Name, tuple[Mask, Mask]] = {
        ("accuracy", None): (right, everyone),
        ("weighted_recall", None): (right, everyone),
        ("coverage", None): (answered, everyone),
        ("accuracy_of_answered", None): (right, answered),
    }
    return whole | {("recall", label): (right, gold == k) for k, label in enumerate(predictions.space.labels)}


def _score_rows(predictions: Predictions, how: Resampling) -> Iterator[tuple[Any, ...]]:
    """Rows of the metrics of scores."""
    scores = predictions.probabilities
    if scores is None:
        return
    scored = int((~np.isnan(scores).any(axis=1)).sum())
    for metric, settle in _SCORED.items():
        try:
            settled = settle(scores, predictions.gold, how)
        except UsageError:  # similarities or logits: fine to rank by, but no probabilities to calibrate
            continue
        yield _row(metric, None, settled, len(scores) if metric == "top_2_accuracy" else scored)


def _of_class(function: Callable[[NDArray[Any]], NDArray[Any]], k: int, tables: NDArray[Any]) -> NDArray[Any]:
    of_class: NDArray[Any] = function(tables)[..., k]
    return of_class


def _row(metric: str, label: str | None, settled: tuple[Estimate, str], n: int) -> tuple[Any, ...]:
    estimate, method = settled
    return metric, label, estimate.value, estimate.low, estimate.high, n, method
