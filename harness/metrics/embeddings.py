"""What all measures of shift share: checked embeddings, swaps within images, and what a test returns."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError

Values = npt.NDArray[np.float64]

_ROUNDING = 1e-15  # of sums of kernels, where no image has changed


class ShiftTest(NamedTuple):
    """A shift and the chance of one as large where there is none.

    Attributes:
        value: the shift.
        p_value: share of permutations with a shift as large, the observed one included: never 0 (Phipson &
            Smyth, Stat. Appl. Genet. Mol. Biol. 9(1), 2010).
    """

    value: float
    p_value: float


def checked(x: npt.ArrayLike, y: npt.ArrayLike, paired: bool) -> tuple[Values, Values]:
    """Two sets of embeddings (N, D) and (M, D) that can be compared.

    Raises:
        UsageError: the shapes do not fit, or a number is not finite.
    """
    sides = np.asarray(x, np.float64), np.asarray(y, np.float64)
    shapes = " and ".join(str(side.shape) for side in sides)
    if any(side.ndim != 2 or len(side) < 2 for side in sides) or sides[0].shape[1] != sides[1].shape[1]:
        raise UsageError(
            f"Expected arguments `x` and `y` to be (N, D) and (M, D) with N, M > 1, but got {shapes}. "
            "Pass one embedding per image, of one encoder."
        )
    if paired and sides[0].shape != sides[1].shape:
        raise UsageError(f"Expected paired embeddings of one shape, but got {shapes}. Pair the same images.")
    if not all(np.isfinite(side).all() for side in sides):
        raise UsageError("Expected finite embeddings, but some are not. Leave those images out of both sets.")
    return sides


def swap_signs(
    n: int, groups: Sequence[Hashable] | None, replicates: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """(N, 1 + R) of 1 and -1, a group alike: who is swapped. The first column is as observed, all 1."""
    keys = np.arange(n) if groups is None else np.asarray(groups, dtype=object).astype(str)
    _, codes = np.unique(keys, return_inverse=True)
    coins = rng.choice(np.array([-1.0, 1.0]), (codes.max() + 1, replicates + 1))
    coins[:, 0] = 1.0
    signs: Values = coins[codes]
    return signs


def tested(shifts: Values) -> ShiftTest:
    """Of (1 + R,) shifts, the observed one first; what equals it but for rounding is as large."""
    observed = float(shifts[0])
    return ShiftTest(observed, float((shifts >= observed - _ROUNDING - 1e-9 * abs(observed)).mean()))
