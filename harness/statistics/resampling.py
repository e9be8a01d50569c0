"""Drawing groups with replacement, at a cost that grows with the kinds of groups, not with their number."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from harness.statistics.grouping import FloatArray, GroupTotals, IntArray
from harness.statistics.lookup import draw_counts, poisson

_CHUNK = 1 << 23  # numbers per array, 32 MB
_HEAD_COST = 8  # one more kind in the head costs about as much as drawing eight groups one by one


def draw_totals(groups: GroupTotals, replicates: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yields the totals of bootstrap replicates in chunks (r, D), so that memory stays bounded."""
    by_column = groups.totals.T.tocsr()
    for chunk in chunks(replicates, max(groups.totals.shape)):
        # Transposed, replicates lie next to each other in memory: what a statistic of tables runs fastest on.
        yield (by_column @ draw_groups(groups.counts, chunk, rng)).T


def chunks(replicates: int, numbers: int, at_once: int | None = None) -> Iterator[int]:
    """Splits replicates of so many numbers each into chunks of at most `at_once`, else what memory bears."""
    step = max(1, (at_once or _CHUNK) // max(1, numbers))
    for start in range(0, replicates, step):
        yield min(step, replicates - start)


def draw_groups(counts: IntArray, replicates: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draws G = sum(counts) groups with replacement and counts the draws of each kind of group.

    Every column is an exact multinomial draw. The few most common kinds, three fifths of all groups, are set
    apart as the head; where they are not few, groups are drawn one by one instead. Multinomial counts are
    Poisson counts that happen to total G. So the other kinds get independent Poisson counts, a replicate is
    kept with the chance that the head's own Poisson total would make up the rest (77 % or more are kept),
    and that rest is shared out within the head. It takes a sixth of the time of `Generator.multinomial`
    over all kinds, which prepares a new binomial for each entry.

    Args:
        counts: Ints (T,), rising, positive: how many groups there are of each kind.
        replicates: R, how often to draw.
        rng: Source of randomness.

    Returns:
        (T, R) multiplicities; each column totals G.
    """
    num_groups = int(counts.sum())
    tail = int(np.searchsorted(counts.cumsum(), 0.4 * num_groups, side="right"))
    if _HEAD_COST * (len(counts) - tail) > num_groups:
        return _one_by_one(counts, replicates, rng)
    head_size = int(counts[tail:].sum())
    drawn_per_kept = 1.02 * (num_groups / head_size) ** 0.5
    draws = np.empty((len(counts), replicates), np.float32)
    done = 0
    while done < replicates:
        drawn = draw_counts(counts[:tail], int(drawn_per_kept * (replicates - done)) + 50, poisson, rng)
        rest = num_groups - drawn.sum(axis=0).astype(np.intp)
        stay = np.flatnonzero(_accept(rest, head_size, rng))[: replicates - done]
        columns = slice(done, done + len(stay))
        np.take(drawn, stay, axis=1, out=draws[:tail, columns], mode="clip")
        draws[tail:, columns] = rng.multinomial(rest[stay], counts[tail:] / head_size).T
        done += len(stay)
    return draws


def _one_by_one(counts: IntArray, replicates: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draws every group of every replicate; the fastest way when most groups are of their own kind."""
    num_groups, num_kinds = int(counts.sum()), len(counts)
    kinds = np.repeat(np.arange(num_kinds), counts)
    draws = np.empty((num_kinds, replicates), np.float32)
    done = 0
    # As many at a time as stay in the cache; how many does not change what is drawn.
    for size in chunks(replicates, num_groups, 1 << 18):
        picks = kinds[rng.integers(0, num_groups, (size, num_groups))]
        picks += num_kinds * np.arange(size)[:, None]  # each replicate has places of its own to be counted in
        found = np.bincount(picks.ravel(), minlength=size * num_kinds).reshape(size, num_kinds)
        draws[:, done : done + size] = found.T
        done += size
    return draws


def _accept(rest: IntArray, expected: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Accepts each `rest` with its Poisson(expected) probability, relative to the highest one."""
    from scipy.special import gammaln

    possible = np.maximum(rest, 0)
    log_chance = (possible - expected) * np.log(expected) - gammaln(possible + 1) + gammaln(expected + 1)
    accepted: npt.NDArray[np.bool_] = (rest >= 0) & (np.log(rng.random(len(rest))) < log_chance)
    return accepted
