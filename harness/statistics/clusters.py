"""How much a grouped sample is worth in independent ones."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray


def effective_n(right: NDArray[np.bool_], groups: Sequence[Hashable]) -> float:
    """Number of independent samples with the same standard error of the mean.

    The cluster-robust variance of a mean (Miller 2024, arXiv 2411.00640, section 2.2) against the binomial
    one; their ratio is Kish's design effect. Never more than N: groups that happen to vary less than
    chance buy nothing.

    Args:
        right: (N,) whether each sample is right.
        groups: (N,) what makes samples dependent.
    """
    n, rate = len(right), float(np.mean(right))
    independent = rate * (1 - rate) / n
    if independent == 0 or len(set(groups)) == n:
        return float(n)
    _, index = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    deviations = np.bincount(index, weights=right - rate)
    return n / max(1.0, float((deviations**2).sum()) / n**2 / independent)
