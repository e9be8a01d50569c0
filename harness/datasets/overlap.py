"""Leakage between splits: the same pixels on both sides."""

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset


def exact_overlap(dataset: Dataset, other: Dataset) -> NDArray[np.bool_]:
    """Which samples of `dataset` have pixels that also occur in `other`: shape (N,).

    Images are compared decoded, so containers and file names do not matter. Images that cannot be read
    overlap with nothing.
    """
    known = set(other.digests) - {None}
    return np.array([digest in known for digest in dataset.digests], dtype=bool)
