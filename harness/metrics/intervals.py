"""The interval that suits a metric: Wilson's for rates of independent samples, the bootstrap for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from harness.metrics.calibration import calibration_error_of_sums, reliability_sums, squared_errors
from harness.statistics import Estimate, bootstrap, bootstrap_sums, wilson

Mask: TypeAlias = NDArray[np.bool_]
Settled: TypeAlias = tuple[Estimate, str]


@dataclass(frozen=True)
class Resampling:
    """How a table's intervals are made.

    Attributes:
        groups: Group of every sample, or None when each sample is its own.
        alpha: One minus the confidence level.
        seed: Seed of the resampling; the same seed gives the same resamples in every call.
        replicates: Resamples for metrics of the confusion table; `scored_replicates` for metrics of scores,
            whose cost grows with the samples.
    """

    groups: Sequence[str] | None
    alpha: float
    seed: int
    replicates: int

    @property
    def scored_replicates(self) -> int:
        """Resamples for metrics of scores."""
        return min(self.replicates, 1_000)

    @property
    def method(self) -> str:
        """What the bootstrap resamples, in words."""
        return "bootstrap" if self.groups is None else f"bootstrap of {len(set(self.groups)):,} groups"


def settle_rate(hits: Mask, members: Mask, bootstrapped: Estimate, how: Resampling) -> Settled:
    """The interval of a rate, and its name.

    A bootstrap of a rate of 0 or 1 has no width, whatever n is. There Wilson's interval takes over, with the
    number of groups for n, as if the samples of a group told no more than one of them.

    Args:
        hits: (N,) samples that count as successes.
        members: (N,) samples that count at all.
        bootstrapped: The estimate of the bootstrap.
        how: How intervals are made.
    """
    successes, n = int((hits & members).sum()), int(members.sum())
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan), "none: no sample"
    if how.groups is None:
        ends = wilson(successes, n, how.alpha)
        return Estimate(successes / n, ends.low, ends.high), "Wilson"
    if 0 < successes < n:
        return bootstrapped, how.method
    distinct = len({how.groups[i] for i in np.flatnonzero(members).tolist()})
    ends = wilson(distinct * successes / n, distinct, how.alpha)
    return Estimate(successes / n, ends.low, ends.high), f"Wilson on {distinct:,} groups"


def settle_score(bootstrapped: Estimate, how: Resampling) -> Settled:
    """The bootstrap interval of a metric that is no rate, and its name; none where no resample differs."""
    if np.isnan(bootstrapped.low) or bootstrapped.low == bootstrapped.high:
        return Estimate(bootstrapped.value, np.nan, np.nan), "none: all resamples agree"
    return bootstrapped, how.method


def mean_interval(values: NDArray[np.float64], how: Resampling) -> Settled:
    """The mean of what samples have (N,), nan for those that do not count; Wilson's interval for a rate."""
    known = ~np.isnan(values)
    rows = np.stack([np.nan_to_num(values), known.astype(np.float64)], axis=1)
    resampled = sums_interval(rows, lambda sums: _ratio(sums[:, 0], sums[:, 1]), how)
    if np.isin(values[known], (0.0, 1.0)).all():
        return settle_rate(values == 1, known, resampled[0], how)
    return resampled


def sums_interval(rows: NDArray[np.float64], statistic: Any, how: Resampling) -> Settled:
    """A statistic of sums over samples: rows (N, S), sums (R, S) -> (R,)."""
    return settle_score(_of_sums(rows, statistic, how), how)


def top_2_interval(scores: NDArray[np.float64], gold: NDArray[np.int64], how: Resampling) -> Settled:
    """Accuracy of the two best scores, ties and missing scores as in `top_k_accuracy`."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :2]
    hits = (best == gold[:, None]).any(axis=1) & ~np.isnan(scores).any(axis=1)
    resampled = bootstrap(
        hits.astype(np.intp),
        2,
        lambda tables: tables[:, 1] / tables.sum(axis=1),
        groups=how.groups,
        replicates=how.replicates,
        alpha=how.alpha,
        seed=how.seed,
    )
    return settle_rate(hits, np.ones(len(hits), bool), resampled, how)


def brier_interval(scores: NDArray[np.float64], gold: NDArray[np.int64], how: Resampling) -> Settled:
    """The Brier score of the samples that have probabilities."""
    errors = squared_errors(scores, gold)
    rows = np.stack([np.nan_to_num(errors), ~np.isnan(errors)], axis=1)
    return settle_score(_of_sums(rows, lambda sums: _ratio(sums[:, 0], sums[:, 1]), how), how)


def calibration_interval(scores: NDArray[np.float64], gold: NDArray[np.int64], how: Resampling) -> Settled:
    """The expected calibration error with an interval that holds at every true error, zero included.

    The error is a sum of absolute gaps, so chance alone lifts it, and each resample lifts it again: of a
    calibrated model the plain percentile interval never held the truth in 200 trials at n = 500 and 3,589.
    The upper end is the percentile all the same, as the lift is upwards. The lower end is the estimate less
    the (1 - alpha / 2) quantile of the summed distances between the gaps of a resample and those observed:
    no error can be further from its estimate than that (triangle inequality). It covered the truth in
    97-100 % of trials, where the model was calibrated and where it was not; its price is width.
    """
    rows = reliability_sums(scores, gold)
    observed = rows.sum(axis=0)

    def strayed(sums: NDArray[Any]) -> NDArray[Any]:
        gaps = (sums[:, 1] - sums[:, 2]) - (observed[1] - observed[2])
        return _ratio(np.abs(gaps).sum(axis=-1), sums[:, 0].sum(axis=-1))

    plain = _of_sums(rows, calibration_error_of_sums, how)
    reach = _of_sums(rows, strayed, how).high
    settled, method = settle_score(Estimate(plain.value, max(0.0, plain.value - reach), plain.high), how)
    return settled, f"{method}, conservative"


def _of_sums(rows: NDArray[Any], statistic: Any, how: Resampling) -> Estimate:
    return bootstrap_sums(
        rows,
        statistic,
        groups=how.groups,
        replicates=how.scored_replicates,
        alpha=how.alpha,
        seed=how.seed,
    )


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> NDArray[Any]:
    """The quotient; nan for a resample that holds none of the samples with scores."""
    ratio: NDArray[np.float64] = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator > 0)
    return ratio
