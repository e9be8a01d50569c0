"""A metric: what it measures, how its interval is made, what it is called, how far snapshots let it move.

One file with a `Metric` is all that a metric takes. It is registered by its place in
`harness.metrics.registry`, under the entry point `emotion_harness.metrics`, or by an entry of the suite:

[metrics.right_sentiment]
adapter = "mine.sentiment:METRIC"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.labels import LabelSpace
from harness.metrics.intervals import Mask, Resampling, Settled
from harness.tasks import Task

if TYPE_CHECKING:
    import pandas as pd

Statistic: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]


class Judged(Protocol):
    """What metrics read: `harness.predictions.Predictions`, which see."""

    @property
    def table(self) -> pd.DataFrame:
        """One row per answer."""

    @property
    def task(self) -> Task:
        """What was asked."""

    @property
    def space(self) -> LabelSpace:
        """The labels."""

    @property
    def gold(self) -> NDArray[np.int64]:
        """(N,) gold label indices."""

    @property
    def answers(self) -> NDArray[np.int64]:
        """(N,) answered label indices, -1 for no valid answer."""

    @property
    def credit(self) -> NDArray[np.float64]:
        """(N,) how right each answer is."""

    @property
    def probabilities(self) -> NDArray[np.float64] | None:
        """(N, K) scores, or None."""


@dataclass(frozen=True)
class OfTable:
    """Computed from the confusion table, whose resamples all such metrics share.

    Attributes:
        statistic: tables (R, K, K + 1) -> (R,), or (R, K) for a metric of each class.
        rate: where it is a rate of samples, gold and answers (N,) -> the samples that are hits, and those
            that count; of a class those are narrowed to its own. Its interval is Wilson's then.
        n: of a class, which samples stand behind its value: those of it, or the answers that name it.
        once_invalid: whether it has something to say only where some answer is not valid.
    """

    statistic: Statistic
    rate: Callable[[NDArray[np.int64], NDArray[np.int64]], tuple[Mask, Mask]] | None = None
    n: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]] = lambda gold, answers: gold
    once_invalid: bool = False


@dataclass(frozen=True)
class OfSamples:
    """The mean of something that each sample has, with a bootstrap interval, or Wilson's where it is 0 or 1.

    Attributes:
        values: predictions -> (N,), nan for samples that do not count; None where there is nothing to say.
    """

    values: Callable[[Judged], NDArray[np.float64] | None]


@dataclass(frozen=True)
class OfSums:
    """Computed from sums over the samples, with a bootstrap interval.

    Attributes:
        rows: predictions -> by label, or under None, what to sum: (N, S).
        statistic: sums (R, S) -> (R,).
    """

    rows: Callable[[Judged], Mapping[str | None, NDArray[np.float64]]]
    statistic: Statistic


@dataclass(frozen=True)
class OfScores:
    """Computed from scores and gold labels with an interval of its own; left out where there are no scores.

    Attributes:
        settle: scores (N, K), gold (N,) and how to resample -> the estimate and what its interval is called.
            A UsageError leaves it out: the scores are no probabilities.
        all_count: whether samples without scores count, too.
    """

    settle: Callable[[NDArray[np.float64], NDArray[np.int64], Resampling], Settled]
    all_count: bool = False


@dataclass(frozen=True)
class Tolerance:
    """How far a snapshot lets a metric move: what other kernels and dtypes flip, and the noise of resampling.

    Attributes:
        value: of the value.
        ends: of the ends of its interval.
    """

    value: float = 0.01
    ends: float = 0.015


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One row of the metric table, or one per class.

    Attributes:
        name: as in tables and snapshots.
        measure: how value and interval come about.
        heading: what reports call it; "" for rows that stand in the table alone.
        tasks: what its data sets may ask for, see `harness.tasks`.
        per_class: whether there is one of each class.
        tolerance: of snapshots.
    """

    name: str
    measure: OfTable | OfSamples | OfSums | OfScores
    heading: str = ""
    tasks: tuple[str, ...] = ("choice",)
    per_class: bool = False
    tolerance: Tolerance = Tolerance()
