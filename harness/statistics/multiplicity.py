"""P-values adjusted for a family of tests.

A test that gave no p-value, None or nan, was not carried out: it stays None and does not count
towards the size of the family.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment: bounds the chance of any false rejection in the family.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.

    Raises:
        UsageError: A p-value lies outside [0, 1].
    """
    tested, order, sorted_p = _sorted(p_values)
    stepped = np.maximum.accumulate(sorted_p * np.arange(len(sorted_p), 0, -1))
    return _restored(len(p_values), tested, order, stepped)


def _sorted(
    p_values: Sequence[float | None],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Where the p-values stand, their order among themselves, and their values in that order."""
    values = np.array([np.nan if p is None else p for p in p_values], dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(values))
    found = values[tested]
    if ((found < 0) | (found > 1)).any():
        raise UsageError(
            f"Expected p-values between 0 and 1, but got {found.min()} to {found.max()}. "
            "Write None for a test that gave none."
        )
    order = np.argsort(found, kind="stable")
    return tested, order, found[order]


def _restored(
    length: int, tested: npt.NDArray[np.intp], order: npt.NDArray[np.intp], adjusted: npt.NDArray[np.float64]
) -> list[float | None]:
    """The adjusted p-values where their originals stood, at most 1."""
    restored: list[float | None] = [None] * length
    for position, p in zip(tested[order], adjusted, strict=True):
        restored[position] = min(1.0, float(p))
    return restored
