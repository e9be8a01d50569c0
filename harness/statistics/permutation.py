"""Would the difference arise if it did not matter which system gave which answer?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError
from harness.statistics.bootstrap import Statistic
from harness.statistics.grouping import Groups, group_cells
from harness.statistics.lookup import coin_flips, draw_counts
from harness.statistics.resampling import chunks
from harness.statistics.tables import pair_cells, pair_tables

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def paired_permutation(
    gold: npt.ArrayLike,
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    num_labels: int,
    metric: Statistic,
    *,
    groups: Groups = None,
    replicates: int = 10_000,
    seed: int = 0,
) -> float:
    """Two-sided p-value of metric(A) - metric(B), under swaps of the two systems' answers.

    Each group swaps its answers as a whole or not at all. Groups that look alike are counted, not
    visited: the number of them that swap is binomial, so the cost does not grow with the samples.

    Args:
        gold: Ints (N,) in [0, K).
        a: Ints (N,), the first system's answers, in [0, K) or -1 for no valid answer.
        b: The second system's.
        num_labels: K.
        metric: Function of confusion tables (R, K, K + 1) that gives (R,), such as `macro_f1`.
        groups: (N,) keys of dependent samples; None makes every sample its own group.
        replicates: R, how many random swaps.
        seed: Seed of the swaps.

    Returns:
        (1 + swaps at least as extreme as observed) / (1 + R), never 0 (Phipson & Smyth, Stat. Appl. Genet.
        Mol. Biol. 9(1), 2010); nan when the observed difference is undefined.

    Raises:
        UsageError: There is no sample, the lengths differ, or a label or R is out of range.
    """
    if replicates < 1:
        raise UsageError(
            f"Expected argument `replicates` to be at least 1, but got {replicates}. Use 10,000."
        )
    kinds = group_cells(pair_cells(gold, a, b, num_labels), num_labels * (num_labels + 1) ** 2, groups)
    observed_a, observed_b = pair_tables((kinds.totals.T @ kinds.counts)[None], num_labels)
    moves = kinds.totals @ _moves(num_labels)
    unequal = np.flatnonzero(abs(moves).sum(axis=1))
    moves_by_cell = moves[unequal].T.tocsr()
    observed = float((metric(observed_a) - metric(observed_b))[0])
    if np.isnan(observed):
        return float("nan")
    rng = np.random.default_rng(seed)
    extreme = 0
    for chunk in chunks(replicates, max(moves.shape)):
        swaps = draw_counts(kinds.counts[unequal], chunk, coin_flips, rng)
        moved = (moves_by_cell @ swaps).T.reshape(-1, *observed_a.shape[1:])
        swapped = metric(observed_a + moved) - metric(observed_b - moved)
        # Equal differences may come out of different tables, rounded differently.
        extreme += int((np.abs(swapped) >= abs(observed) - 1e-9).sum())
    return (1 + extreme) / (1 + replicates)


def _moves(num_labels: int) -> csr_matrix:
    """What swapping a sample of each cell adds to A's flattened confusion table (and takes from B's)."""
    from scipy.sparse import csr_matrix

    answers = num_labels + 1
    cells = np.arange(num_labels * answers**2)
    of_a = cells // answers
    of_b = cells // answers**2 * answers + cells % answers
    ones = np.ones(len(cells), np.float32)
    shape = (len(cells), num_labels * answers)
    moves: csr_matrix = csr_matrix((ones, (cells, of_b)), shape) - csr_matrix((ones, (cells, of_a)), shape)
    return moves
