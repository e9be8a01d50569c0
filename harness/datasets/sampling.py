"""Stratified subsets that nest."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

from harness.errors import UsageError


def stratified_subset(items: Sequence[tuple[str, str]], n: int, seed: int) -> list[int]:
    """Positions of `n` of the items (label, id), in ascending order.

    Each label hands out its items in an order drawn from `seed`; seats go to labels by Webster's
    (Sainte-Lague) rule after one for every label, larger labels first. Unlike the largest-remainder
    rule it never takes a seat back when `n` grows, so subsets of one seed nest.

    Args:
        items: (label, id) of each item; ids are unique.
        n: Number of items wanted; all are given when there are no more.
        seed: Which items; the same for any order of `items`.

    Raises:
        UsageError: `n` is not positive.
    """
    if n < 1:
        raise UsageError(f"Expected a limit of at least 1 sample, but got {n}. Leave it out to use them all.")
    sizes = Counter(label for label, _ in items)
    drawn = sorted(range(len(items)), key=lambda i: hashlib.sha256(f"{seed}:{items[i][1]}".encode()).digest())
    taken: dict[str, int] = defaultdict(int)
    seats = []
    for position in drawn:
        label = items[position][0]
        rank, taken[label] = taken[label], taken[label] + 1
        turn = (rank + 0.5) / sizes[label] if rank else 0.0
        seats.append((turn, -sizes[label], label, rank, position))
    return sorted(seat[-1] for seat in sorted(seats)[:n])
