"""Every metric of a cell with its interval, as one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.metrics.intervals import (
    Resampling,
    Settled,
    mean_interval,
    settle_rate,
    settle_score,
    sums_interval,
)
from harness.metrics.metric import Metric, OfSamples, OfScores, OfSums, OfTable, Statistic, Tolerance
from harness.metrics.registry import BUILT_IN, of_task, registered
from harness.predictions.table import Predictions
from harness.reporting.text import count, interval, markdown, number
from harness.statistics import metric_intervals
from harness.store.results import Results
from harness.tasks import task_as_dict

COLUMNS = ["metric", "label", "value", "low", "high", "n", "method"]

Name: TypeAlias = tuple[str, str | None]
Row: TypeAlias = tuple[Metric, str | None, Settled, int]


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
    predictions: Predictions,
    *,
    metrics: Sequence[Metric] | None = None,
    alpha: float = 0.05,
    seed: int = 0,
    replicates: int = 2_000,
) -> pd.DataFrame:
    """Metrics of a cell, all intervals of the confusion table's metrics from the same resamples.

    Args:
        predictions: The cell's answers. Samples of the same group are resampled together.
        metrics: Those that are wanted, of which those of the cell's task are measured; None for all that
            are registered.
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
    here = of_task(registered() if metrics is None else metrics, predictions.task.name)
    others = chain.from_iterable(_other_rows(predictions, metric, how) for metric in here)
    return _table(
        [
            (metric.name, label, estimate.value, estimate.low, estimate.high, n, method)
            for metric, label, (estimate, method), n in chain(_table_rows(predictions, here, how), others)
        ]
    )


@dataclass(frozen=True)
class Measures:
    """The metrics of a suite: gives the metric table of predictions, as `metric_table` does.

    Attributes:
        results: Remembers what was computed of the harness's own metrics; the code of others, which may have
            changed, is called each time.
        more: Metrics that the suite adds to those that are registered.
    """

    results: Results | None = None
    more: tuple[Metric, ...] = ()

    def __call__(
        self, predictions: Predictions, *, alpha: float = 0.05, seed: int = 0, replicates: int = 2_000
    ) -> pd.DataFrame:
        """The table, see `metric_table`."""
        how: Any = {"alpha": alpha, "seed": seed, "replicates": replicates}
        kept = self._own(predictions, how)
        foreign = (*registered()[len(BUILT_IN) :], *self.more)
        if not of_task(foreign, predictions.task.name):
            return kept
        rows = metric_table(predictions, metrics=foreign, **how)
        return _table([*kept.to_numpy(object).tolist(), *rows.to_numpy(object).tolist()])

    def _own(self, predictions: Predictions, how: Any) -> pd.DataFrame:
        def compute() -> pd.DataFrame:
            return metric_table(predictions, metrics=BUILT_IN, **how)

        if self.results is None:
            return compute()
        task = predictions.task
        inputs = {
            "function": "metric_table",
            "task": task_as_dict(task),
            "targets": task.targets(predictions.table),
            "answers": task.answers(predictions.table),
            "groups": predictions.groups,
            "scores": predictions.probabilities,
            "how": how,
        }
        return _table(self.results.remember(inputs, lambda: compute().to_numpy(object).tolist()))

    @property
    def headings(self) -> dict[str, str]:
        """What reports call each metric of a whole cell that they show."""
        return {one.name: one.heading for one in (*registered(), *self.more) if one.heading}

    @property
    def tolerances(self) -> dict[str, Tolerance]:
        """How far snapshots let each metric move."""
        return {one.name: one.tolerance for one in (*registered(), *self.more)}


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


def _table_rows(predictions: Predictions, metrics: Sequence[Metric], how: Resampling) -> Iterator[Row]:
    """Rows of metrics of the confusion table, all from the same resamples; those of each class together."""
    tables = [(metric, metric.measure) for metric in metrics if isinstance(metric.measure, OfTable)]
    if not tables:
        return
    gold, answers, labels = predictions.gold, predictions.answers, predictions.space.labels
    if (answers >= 0).all():
        tables = [(metric, measure) for metric, measure in tables if not measure.once_invalid]
    whole = [(metric, measure, None) for metric, measure in tables if not metric.per_class]
    of_classes = [
        (metric, measure, k) for k in range(len(labels)) for metric, measure in tables if metric.per_class
    ]
    wanted = [*whole, *of_classes]
    estimates = metric_intervals(
        gold,
        answers,
        len(labels),
        {str(i): partial(_of_class, measure.statistic, k) for i, (_, measure, k) in enumerate(wanted)},
        groups=how.groups,
        replicates=how.replicates,
        alpha=how.alpha,
        seed=how.seed,
    )
    for (metric, measure, k), estimate in zip(wanted, estimates.values(), strict=True):
        label = None if k is None else labels[k]
        if measure.rate is not None:
            hits, members = measure.rate(gold, answers)
            members = members if k is None else members & (gold == k)
            yield metric, label, settle_rate(hits, members, estimate, how), int(members.sum())
        else:
            n = len(gold) if k is None else int((measure.n(gold, answers) == k).sum())
            yield metric, label, settle_score(estimate, how), n


def _other_rows(predictions: Predictions, metric: Metric, how: Resampling) -> Iterator[Row]:
    """Rows of a metric of anything but the confusion table."""
    measure = metric.measure
    if isinstance(measure, OfSamples):
        values = measure.values(predictions)
        if values is not None:
            yield metric, None, mean_interval(values, how), int((~np.isnan(values)).sum())
    elif isinstance(measure, OfSums):
        for label, rows in measure.rows(predictions).items():
            yield metric, label, sums_interval(rows, measure.statistic, how), len(rows)
    elif isinstance(measure, OfScores) and (scores := predictions.probabilities) is not None:
        scored = int((~np.isnan(scores).any(axis=1)).sum())
        # Similarities or logits are fine to rank by, but no probabilities to calibrate.
        with suppress(UsageError):
            settled = measure.settle(scores, predictions.gold, how)
            yield metric, None, settled, len(scores) if measure.all_count else scored


def _of_class(statistic: Statistic, k: int | None, tables: NDArray[Any]) -> NDArray[Any]:
    values = statistic(tables)
    return values if k is None else values[..., k]
