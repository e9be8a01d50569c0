"""How far apart are two sets of images? Distances between sets of embeddings.

`x` (N, D) and `y` (M, D) hold one embedding per image. With `paired=True` row i of both is the same image
before and after a treatment, so N = M; then what image i has in common with itself is left out of every
estimate, and permutations swap the two within images.

A shift of 0 means that the embeddings are distributed alike, not that each image stayed as it was.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError
from harness.metrics.embeddings import ShiftTest, Values, checked, swap_signs, tested

SIGMA = 10.0
"""Bandwidth of the RBF kernel, that of CMMD. Embeddings of unit length are 2 apart at most, so far below it
that MMD^2 is little else than the squared distance of the mean embeddings over SIGMA^2."""


def mmd2(x: npt.ArrayLike, y: npt.ArrayLike, *, sigma: float = SIGMA, paired: bool = False) -> float:
    """Unbiased squared maximum mean discrepancy, RBF kernel on embeddings scaled to unit length.

    About 0, and as often below as above, where both sets are alike. CMMD (Jayasumana et al., CVPR 2024, arXiv
    2401.09603) is the biased estimate of the same quantity with the same kernel and bandwidth, times 1,000.
    Estimates: Gretton et al., JMLR 13, 2012, eq. 3 (apart) and lemma 6 with m = n (paired).

    Args:
        x: (N, D), N >= 2, no row all zero.
        y: (M, D).
        sigma: bandwidth.
        paired: whether rows belong together.

    Raises:
        UsageError: the shapes do not fit, or a number is not finite.

    >>> round(mmd2([[1, 0], [1, 0.1]], [[0, 1], [0.1, 1]]), 6)
    0.017834
    """
    x, y = _units(*checked(x, y, paired))
    if paired:
        return _mean_off_diagonal(_swap_matrix(x, y, sigma))
    between = float(_rbf(x, y, sigma).mean())
    return _mean_off_diagonal(_rbf(x, x, sigma)) + _mean_off_diagonal(_rbf(y, y, sigma)) - 2 * between


def mmd2_test(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    sigma: float = SIGMA,
    paired: bool = False,
    groups: Sequence[Hashable] | None = None,
    replicates: int = 999,
    seed: int = 0,
) -> ShiftTest:
    """`mmd2` with a permutation test; the kernel is computed once for all permutations.

    Args:
        x: as of `mmd2`, and so are y, sigma and paired.
        y: see there.
        sigma: see there.
        paired: swap within images; else images are dealt anew to the two sets.
        groups: (N,) keys of dependent images, which swap together. For paired sets only.
        replicates: R, how many permutations.
        seed: of the permutations.

    Raises:
        UsageError: as of `mmd2`, or groups are given for sets that are not paired.
    """
    x, y = _units(*checked(x, y, paired))
    rng = np.random.default_rng(seed)
    if paired:
        swapped = _swap_matrix(x, y, sigma)
        np.fill_diagonal(swapped, 0.0)
        signs = swap_signs(len(x), groups, replicates, rng)
        shifts = np.einsum("ir,ir->r", signs, swapped @ signs) / (len(x) * (len(x) - 1))
    elif groups is None:
        shifts = _dealt_anew(x, y, sigma, replicates, rng)
    else:
        raise UsageError(
            "Expected argument `groups` for paired sets only. Leave it out, or pass paired=True."
        )
    return tested(shifts)


def kid(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    subsets: int | None = None,
    subset_size: int = 1_000,
    paired: bool = False,
    seed: int = 0,
) -> float:
    """Kernel inception distance: unbiased MMD^2 with the kernel (a . b / D + 1)^3 on embeddings as they are.

    Source: Binkowski et al., ICLR 2018 (arXiv 1801.01401). Published values are means over random subsets.

    Args:
        x: (N, D), N >= 2.
        y: (M, D).
        subsets: how many random subsets to average over, or None for one estimate from all images.
        subset_size: images of each set in a subset, at most those that there are.
        paired: whether rows belong together.
        seed: of the subsets.

    Raises:
        UsageError: the shapes do not fit, or a number is not finite.

    >>> kid([[0, 0], [0, 0]], [[1, 1], [1, 1]])  # 1 + 8 - 2 x 1
    7.0
    """
    x, y = checked(x, y, paired)
    if subsets is None:
        return _kid(x, y, paired)
    rng, size = np.random.default_rng(seed), min(subset_size, len(x), len(y))
    drawn = []
    for _ in range(subsets):
        ours = rng.choice(len(x), size, replace=False)
        theirs = ours if paired else rng.choice(len(y), size, replace=False)
        drawn.append(_kid(x[ours], y[theirs], paired))
    return float(np.mean(drawn))


def fid(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Frechet distance of two Gaussians with the means and covariances of x and y.

    For comparison with publications. It is biased upwards, the more the fewer images there are per dimension,
    and no estimate without bias exists (Binkowski et al. 2018): halves of one set are not 0 apart. Compare
    values of equal n, D and encoder alone. Source: Heusel et al., NeurIPS 2017 (arXiv 1706.08500).

    Args:
        x: (N, D), N >= 2.
        y: (M, D).

    Raises:
        UsageError: the shapes do not fit, or a number is not finite.

    >>> round(fid([[0.0], [2.0]], [[3.0], [5.0]]), 6)
    9.0
    """
    x, y = checked(x, y, paired=False)
    covariances = [np.cov(side, rowvar=False).reshape(x.shape[1], -1) for side in (x, y)]
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    common = np.sqrt(np.linalg.eigvalsh(root @ covariances[1] @ root).clip(0)).sum()
    apart = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum()
    # Rounding alone takes equal sets below zero.
    return max(0.0, float(apart + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * common))


def swap_sums(
    x: npt.ArrayLike, y: npt.ArrayLike, weights: npt.NDArray[Any], *, sigma: float = SIGMA, block: int = 1_024
) -> Values:
    """`mmd2` of paired sets under weights of the images, such as how often a resample drew each.

    An image is never held against itself, however often it was drawn: with its copy it would add a shift
    that no two different images show.

    Args:
        x: (N, D).
        y: (N, D).
        weights: (N, R), at least two images of each column above 0.
        sigma: bandwidth.
        block: rows of the kernel matrix in memory at a time.

    Returns:
        (R,) shifts.
    """
    x, y = _units(*checked(x, y, paired=True))
    weights = np.asarray(weights, np.float32)
    total = np.zeros(weights.shape[1])
    for start in range(0, len(x), block):
        rows = slice(start, start + block)
        swapped = _swap_matrix(x, y, sigma, rows).astype(np.float32)
        here = np.arange(len(swapped))
        swapped[here, start + here] = 0.0
        total += np.einsum("ir,ir->r", weights[rows], swapped @ weights, dtype=np.float64)
    exact = weights.astype(np.float64)
    shifts: Values = total / (exact.sum(axis=0) ** 2 - (exact**2).sum(axis=0))
    return shifts


def _units(*sides: Values) -> tuple[Values, ...]:
    lengths = [np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
    if not all(length.all() for length in lengths):
        raise UsageError("Expected embeddings with a direction, but one is all zero. Leave that image out.")
    return tuple(side / length for side, length in zip(sides, lengths, strict=True))


def _rbf(x: Values, y: Values, sigma: float) -> Values:
    """The kernel less 1, which no MMD^2 sees and which would cost digits where sigma is large. Units in."""
    kernel = x @ y.T
    kernel -= 1.0
    np.minimum(kernel, 0.0, out=kernel)
    kernel /= sigma**2  # |x - y|^2 = 2 - 2 x . y
    return np.expm1(kernel, out=kernel)


def _swap_matrix(x: Values, y: Values, sigma: float, rows: slice = slice(None)) -> Values:
    """k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(y_i, x_j): changes sign when one of i, j is swapped."""
    matrix = _rbf(x[rows], x, sigma)
    matrix += _rbf(y[rows], y, sigma)
    across = _rbf(x[rows], y, sigma)
    matrix -= across
    matrix -= across.T if len(across) == len(x) else _rbf(y[rows], x, sigma)
    return matrix


def _dealt_anew(x: Values, y: Values, sigma: float, replicates: int, rng: np.random.Generator) -> Values:
    """(1 + R,) shifts, observed first, of the same images dealt to two sets of the same sizes."""
    everyone = np.concatenate([x, y])
    kernel, (n, m) = _rbf(everyone, everyone, sigma), (len(x), len(y))
    np.fill_diagonal(kernel, 0.0)
    ours = np.zeros((n + m, replicates + 1))
    ours[:n, 0] = 1.0
    for column in range(1, replicates + 1):
        ours[rng.permutation(n + m)[:n], column] = 1.0
    within = np.einsum("ir,ir->r", ours, kernel @ ours)
    touching = kernel.sum(axis=1) @ ours
    across, rest = touching - within, kernel.sum() - 2 * touching + within
    shifts: Values = within / (n * (n - 1)) + rest / (m * (m - 1)) - 2 * across / (n * m)
    return shifts


def _kid(x: Values, y: Values, paired: bool) -> float:
    def kernel(a: Values, b: Values) -> Values:
        values: Values = a @ b.T / a.shape[1] + 1.0
        return values * values * values  # a power takes ten times as long

    across = kernel(x, y)
    between = _mean_off_diagonal(across) if paired else float(across.mean())
    return _mean_off_diagonal(kernel(x, x)) + _mean_off_diagonal(kernel(y, y)) - 2 * between


def _mean_off_diagonal(matrix: Values) -> float:
    n = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (n * (n - 1)))
