"""Percentile bootstrap of anything computed from counts or sums, over groups of dependent samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError
from harness.statistics.estimate import Estimate, check_probability
from harness.statistics.grouping import FloatArray, Groups, GroupTotals, group_cells, group_rows
from harness.statistics.resampling import draw_totals
from harness.statistics.tables import pair_cells, pair_tables, single_cells

Statistic: TypeAlias = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


def metric_interval(
    gold: npt.ArrayLike,
    predicted: npt.ArrayLike,
    num_labels: int,
    metric: Statistic,
    *,
    groups: Groups = None,
    replicates: int = 10_000,
    alpha: float = 0.05,
    seed: int = 0,
) -> Estimate:
    """A metric of one system with its bootstrap interval; arguments as of `metric_intervals`."""
    estimates = metric_intervals(
        gold,
        predicted,
        num_labels,
        {"": metric},
        groups=groups,
        replicates=replicates,
        alpha=alpha,
        seed=seed,
    )
    return estimates[""]


def metric_intervals(
    gold: npt.ArrayLike,
    predicted: npt.ArrayLike,
    num_labels: int,
    metrics: Mapping[str, Statistic],
    *,
    groups: Groups = None,
    replicates: int = 10_000,
    alpha: float = 0.05,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Several metrics of one system, all from the same replicates.

    Args:
        gold: Ints (N,) in [0, K).
        predicted: Ints (N,) in [0, K), or -1 for no valid answer.
        num_labels: K.
        metrics: Name -> function of confusion tables (R, K, K + 1) that gives (R,), such as `macro_f1`.
        groups: (N,) keys; samples of the same group are dependent and resampled together. None: each alone.
        replicates: R, how many resamples.
        alpha: One minus the confidence level.
        seed: Seed of the resampling.

    Raises:
        UsageError: There is no sample, the lengths differ, or a label, alpha or R is out of range.
    """
    shape = (-1, num_labels, num_labels + 1)

    def statistic(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
        tables = cells.reshape(shape)
        return np.stack([metric(tables) for metric in metrics.values()], axis=-1)

    cells = single_cells(gold, predicted, num_labels)
    totals = group_cells(cells, num_labels * (num_labels + 1), groups)
    estimates = _estimates(totals, statistic, replicates, alpha, seed)
    return dict(zip(metrics, estimates, strict=True))


def paired_difference(
    gold: npt.ArrayLike,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    num_labels: int,
    metric: Statistic,
    *,
    groups: Groups = None,
    replicates: int = 10_000,
    alpha: float = 0.05,
    seed: int = 0,
) -> Estimate:
    """metric(A) - metric(B) of two systems on the same samples, resampled together.

    Args:
        gold: Ints (N,) in [0, K).
        a: Ints (N,), the first system's answers, in [0, K) or -1 for no valid answer.
        b: The second system's.
        num_labels: K.
        metric: Function of confusion tables (R, K, K + 1) that gives (R,), such as `macro_f1`.
        groups: As in `metric_intervals`; so are the other arguments and the errors.
        replicates: R.
        alpha: One minus the confidence level.
        seed: Seed of the resampling.
    """

    def difference(tables: npt.NDArray[Any]) -> npt.NDArray[Any]:
        of_a, of_b = pair_tables(tables, num_labels)
        return metric(of_a) - metric(of_b)

    cells = pair_cells(gold, a, b, num_labels)
    return bootstrap(
        cells,
        num_labels * (num_labels + 1) ** 2,
        difference,
        groups=groups,
        replicates=replicates,
        alpha=alpha,
        seed=seed,
    )


def bootstrap(
    cells: npt.ArrayLike,
    num_cells: int,
    statistic: Statistic,
    *,
    groups: Groups = None,
    replicates: int = 10_000,
    alpha: float = 0.05,
    seed: int = 0,
) -> Estimate:
    """Bootstraps a statistic of counts per cell, at a cost that does not grow with the samples.

    Args:
        cells: Ints (N,), each sample's cell in a flattened table.
        num_cells: C, the size of that table.
        statistic: Function of tables (R, C) that gives (R,). Replicates where it is nan are left out.
        groups: (N,) keys; samples of the same group are dependent and resampled together. None: each alone.
        replicates: R, how many resamples.
        alpha: One minus the confidence level.
        seed: Seed of the resampling.

    Raises:
        UsageError: There is no sample, groups are not one per sample, or a cell, alpha or R is out of range.
    """
    totals = group_cells(cells, num_cells, groups)
    return _estimates(totals, statistic, replicates, alpha, seed)[0]


def bootstrap_sums(
    rows: FloatArray,
    statistic: Statistic,
    *,
    groups: Groups = None,
    replicates: int = 1_000,
    alpha: float = 0.05,
    seed: int = 0,
) -> Estimate:
    """Bootstraps a statistic of sums over samples, such as a mean or the calibration error.

    Hardly two groups add the same, so none stands for another and the cost is replicates x groups; hence
    the lower default.

    Args:
        rows: Floats (N, ...), what each sample adds to the sums.
        statistic: Function of sums (R, ...) that gives (R,).
        groups: As in `bootstrap`; so are the other arguments and the errors.
        replicates: R.
        alpha: One minus the confidence level.
        seed: Seed of the resampling.
    """
    shape = rows.shape[1:]
    totals = group_rows(rows.reshape(len(rows), -1), groups)
    return _estimates(totals, lambda sums: statistic(sums.reshape(-1, *shape)), replicates, alpha, seed)[0]


def _estimates(
    groups: GroupTotals, statistic: Statistic, replicates: int, alpha: float, seed: int
) -> list[Estimate]:
    """One estimate for each column that the statistic gives."""
    check_probability("alpha", alpha)
    if replicates < 1:
        raise UsageError(
            f"Expected argument `replicates` to be at least 1, but got {replicates}. Use 10,000."
        )
    observed = statistic((groups.totals.T @ groups.counts)[None])
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([statistic(totals) for totals in draw_totals(groups, replicates, rng)])
    columns = zip(observed.reshape(-1), drawn.reshape(replicates, -1).T, strict=True)
    return [_percentile(float(value), column, alpha) for value, column in columns]


def _percentile(value: float, replicates: npt.NDArray[Any], alpha: float) -> Estimate:
    defined = replicates[~np.isnan(replicates)]
    if defined.size == 0:
        return Estimate(value, np.nan, np.nan)
    low, high = np.quantile(defined, [alpha / 2, 1 - alpha / 2])
    return Estimate(value, float(low), float(high))
