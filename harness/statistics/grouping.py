"""Groups of dependent samples, told apart only as far as counting goes.

A resample of a statistic of counts needs to know how often each *distinct* group was drawn, not which
samples are in it. Most groups of a test set are single samples, which fall into a few hundred cells of a
joint table: one row for each of those stands for them all.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

IntArray = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.floating[Any]]
Groups = Sequence[Hashable] | npt.NDArray[Any] | None


@dataclass(frozen=True)
class GroupTotals:
    """The distinct groups of a sample.

    Attributes:
        totals: Sparse (T, D); row t holds the totals of one distinct group, such as its counts per cell.
        counts: Ints (T,), rising: how many groups look like row t.
    """

    totals: csr_matrix
    counts: IntArray


def group_cells(cells: npt.ArrayLike, num_cells: int, groups: Groups = None) -> GroupTotals:
    """Finds the distinct groups of samples that each fall into one cell.

    Args:
        cells: Ints (N,), the cell of every sample, in [0, num_cells).
        num_cells: D, how many cells there are.
        groups: (N,) hashable group keys; None makes every sample its own group.

    Raises:
        UsageError: There is no sample, a cell is out of range or groups are not one per sample.
    """
    from scipy.sparse import csr_matrix

    cells = np.asarray(cells)
    if cells.size == 0 or cells.min() < 0 or cells.max() >= num_cells:
        raise UsageError(
            f"Expected argument `cells` to hold one or more cells, each from 0 to {num_cells - 1}. "
            "Build it with `single_cells` or `pair_cells` from at least one sample."
        )
    found = [_distinct(block) for block in _blocks(cells, groups)]
    counts = np.concatenate([count for _, count in found])
    columns = np.concatenate([rows.ravel() for rows, _ in found])
    lengths = np.concatenate([np.full(len(rows), rows.shape[1]) for rows, _ in found])
    bounds = np.concatenate([[0], lengths.cumsum()])
    totals = csr_matrix((np.ones(len(columns), np.float32), columns, bounds), shape=(len(counts), num_cells))
    order = np.argsort(counts, kind="stable")
    return GroupTotals(totals[order], counts[order])


def group_rows(rows: FloatArray, groups: Groups = None) -> GroupTotals:
    """Totals the samples' rows (N, D) within each group; every group counts as distinct.

    Raises:
        UsageError: There is no row, or groups are not one per row.
    """
    from scipy.sparse import csr_matrix

    n = len(rows)
    if n == 0:
        raise UsageError("Expected argument `rows` to hold at least one sample. Check what was filtered out.")
    codes = group_codes(groups, n) if groups is not None else np.arange(n)
    num_groups = int(codes.max()) + 1
    membership = csr_matrix((np.ones(n), (codes, np.arange(n))), shape=(num_groups, n))
    return GroupTotals(membership @ csr_matrix(rows), np.ones(num_groups, np.intp))


def group_codes(groups: Sequence[Hashable] | npt.NDArray[Any], n: int) -> IntArray:
    """Numbers the groups 0, 1, ... in order of first appearance, shape (n,).

    Raises:
        UsageError: There is not one group per sample.
    """
    if len(groups) != n:
        raise UsageError(
            f"Expected argument `groups` to name one group per sample, but got {len(groups)} for {n}. "
            "Pass the groups of the very samples that are scored."
        )
    keys = groups.tolist() if isinstance(groups, np.ndarray) else groups
    codes = {key: code for code, key in enumerate(dict.fromkeys(keys))}
    return np.fromiter(map(codes.__getitem__, keys), np.intp, count=n)


def _blocks(cells: npt.NDArray[Any], groups: Groups) -> list[npt.NDArray[Any]]:
    """For each group size s, the sorted cells of the groups of that size, shape (groups, s)."""
    if groups is None:
        return [cells[:, None]]
    codes = group_codes(groups, len(cells))
    ordered = cells[np.lexsort((cells, codes))]
    sizes = np.bincount(codes)
    starts = sizes.cumsum() - sizes
    return [ordered[starts[sizes == size][:, None] + np.arange(size)] for size in np.unique(sizes)]


def _distinct(block: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], IntArray]:
    """The distinct rows of a block and how often each occurs."""
    if block.shape[1] > 1:
        return np.unique(block, axis=0, return_counts=True)
    values, counts = np.unique(block.ravel(), return_counts=True)  # ten times as fast as along an axis
    return values[:, None], counts
