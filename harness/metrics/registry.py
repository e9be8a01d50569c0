"""All metrics, in the order in which tables show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.metrics import classification as tables
from harness.metrics.concordance import concordance_of_sums, concordance_rows
from harness.metrics.intervals import Mask, brier_interval, calibration_interval, top_2_interval
from harness.metrics.metric import Judged, Metric, OfSamples, OfScores, OfSums, OfTable
from harness.tasks.dimensions import AXES
from harness.tools.adapters import Adapters, find_adapter, plugins

GROUP = "emotion_harness.metrics"
METRICS = Adapters({}, GROUP, given=())
_CREDITED = ("votes", "dimensions")


def _right(gold: NDArray[np.int64], answers: NDArray[np.int64]) -> tuple[Mask, Mask]:
    return gold == answers, np.ones(len(gold), bool)


def _answered(gold: NDArray[np.int64], answers: NDArray[np.int64]) -> tuple[Mask, Mask]:
    return answers >= 0, np.ones(len(gold), bool)


def _right_of_answered(gold: NDArray[np.int64], answers: NDArray[np.int64]) -> tuple[Mask, Mask]:
    return gold == answers, answers >= 0


def _credit(judged: Judged) -> NDArray[np.float64]:
    return judged.credit


def _parsed(judged: Judged) -> NDArray[np.float64]:
    return np.asarray(judged.table["outcome"] == "parsed", np.float64)


def _concordance(judged: Judged) -> Mapping[str | None, NDArray[np.float64]]:
    answers, targets = judged.task.answers(judged.table), judged.task.targets(judged.table)
    return {axis: concordance_rows(answers[:, i], targets[:, i]) for i, axis in enumerate(AXES)}


BUILT_IN: tuple[Metric, ...] = (
    Metric(name="accuracy", heading="accuracy", measure=OfTable(tables.accuracy, _right)),
    Metric(name="accuracy", heading="accuracy", measure=OfSamples(_credit), tasks=_CREDITED),
    Metric(name="coverage", heading="coverage", measure=OfTable(tables.coverage, _answered)),
    Metric(name="coverage", heading="coverage", measure=OfSamples(_parsed), tasks=_CREDITED),
    Metric(
        name="accuracy_of_answered",
        heading="accuracy of answered",
        measure=OfTable(tables.accuracy_of_answered, _right_of_answered, once_invalid=True),
    ),
    Metric(
        name="balanced_accuracy",
        heading="balanced accuracy (macro recall)",
        measure=OfTable(tables.balanced_accuracy),
    ),
    Metric(name="macro_precision", heading="macro precision", measure=OfTable(tables.macro_precision)),
    Metric(name="macro_recall", measure=OfTable(tables.balanced_accuracy)),
    Metric(name="macro_f1", heading="macro-F1", measure=OfTable(tables.macro_f1)),
    Metric(
        name="weighted_precision",
        heading="weighted precision",
        measure=OfTable(tables.weighted_precision),
    ),
    Metric(name="weighted_recall", measure=OfTable(tables.accuracy, _right)),
    Metric(name="weighted_f1", heading="weighted F1", measure=OfTable(tables.weighted_f1)),
    Metric(
        name="precision",
        measure=OfTable(tables.precision_per_class, n=lambda gold, answers: answers),
        per_class=True,
    ),
    Metric(name="recall", measure=OfTable(tables.recall_per_class, _right), per_class=True),
    Metric(name="f1", measure=OfTable(tables.f1_per_class), per_class=True),
    Metric(name="ece", heading="calibration error", measure=OfScores(calibration_interval)),
    Metric(name="brier", heading="Brier score", measure=OfScores(brier_interval)),
    Metric(name="top_2_accuracy", heading="top-2 accuracy", measure=OfScores(top_2_interval, all_count=True)),
    Metric(
        name="concordance",
        heading="concordance (CCC)",
        measure=OfSums(_concordance, concordance_of_sums),
        tasks=("dimensions",),
        per_class=True,
    ),
)


def read_metrics(entries: Mapping[str, Mapping[str, Any]]) -> tuple[Metric, ...]:
    """The metrics that a suite adds in its [metrics] tables.

    Raises:
        UsageError: an entry names no metric, or one whose name is taken.
    """
    found: list[Metric] = []
    taken = {metric.name for metric in registered()}
    for name, entry in entries.items():
        metric = find_adapter(entry.get("adapter", name), f"Metric {name}", {}, GROUP)
        if not isinstance(metric, Metric):
            raise UsageError(f"Metric {name} is {metric!r}. Make it a harness.metrics.metric.Metric.")
        if metric.name in taken:
            raise UsageError(f"Metric {name} is called {metric.name}, as another one is. Rename it.")
        taken.add(metric.name)
        found.append(metric)
    return tuple(found)


@cache
def registered() -> tuple[Metric, ...]:
    """All metrics that need no entry: those of the harness, and those of installed packages."""
    return (*BUILT_IN, *(point.load() for _, point in sorted(plugins(GROUP).items())))


def of_task(metrics: Iterable[Metric], task: str) -> list[Metric]:
    """Those that a data set of a task can be measured by."""
    return [metric for metric in metrics if task in metric.tasks]


def left_out(metrics: Iterable[Metric], task: str) -> str:
    """One line on the metrics that need another task; "" where there are none.

    Of a choice nothing is said: nobody misses there what is measured of valence and arousal.
    """
    if task == "choice":
        return ""
    here = {metric.name for metric in of_task(metrics, task)}
    absent = dict.fromkeys(metric.name for metric in metrics if metric.name not in here)
    return f"Left out, as they need another task than {task}: {', '.join(absent)}." if absent else ""
