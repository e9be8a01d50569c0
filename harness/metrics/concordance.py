"""Agreement of two series of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def concordance_rows(answers: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.float64]:
    """What `concordance_of_sums` takes the sums of: (N, 6); zeros where there is no answer."""
    known = np.isfinite(answers) & np.isfinite(targets)
    x, y = np.where(known, answers, 0.0), np.where(known, targets, 0.0)
    return np.stack([known.astype(np.float64), x, y, x * x, y * y, x * y], axis=1)


def concordance_of_sums(sums: NDArray[Any]) -> NDArray[np.float64]:
    """Lin's concordance correlation (Biometrics 45, 1989) from sums (..., 6); nan where nothing varies.

    It is 1 only where answers equal targets: unlike Pearson's it falls with a wrong mean and a wrong scale.

    >>> rows = concordance_rows(np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0]))
    >>> concordance_of_sums(rows.sum(axis=0)).round(3)
    array(0.571)
    """
    n, x, y, xx, yy, xy = np.moveaxis(np.asarray(sums, np.float64), -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y = x / n, y / n
        apart = xx / n - mean_x**2 + yy / n - mean_y**2 + (mean_x - mean_y) ** 2
        ccc: NDArray[np.float64] = np.where(apart > 0, 2 * (xy / n - mean_x * mean_y) / apart, np.nan)
    return ccc
