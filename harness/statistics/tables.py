"""Samples as cells of a flattened joint table, which is all that resampling needs of them.

With K labels there are K + 1 answers: the labels and, last, "no valid answer" (-1 in arrays).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError


def single_cells(gold: npt.ArrayLike, predicted: npt.ArrayLike, num_labels: int) -> npt.NDArray[np.intp]:
    """Cells of a gold x predicted table with K * (K + 1) cells.

    Args:
        gold: Ints (N,) in [0, K).
        predicted: Ints (N,) in [0, K), or -1 for no valid answer.
        num_labels: K.

    Returns:
        (N,) cells; `bincount(cells).reshape(K, K + 1)` is the confusion table.

    Raises:
        UsageError: The lengths differ or a label is out of range.
    """
    golds, answers = _checked(gold, num_labels, 0), _checked(predicted, num_labels, -1)
    _check_lengths(golds, answers)
    return golds * (num_labels + 1) + answers % (num_labels + 1)


def pair_cells(
    gold: npt.ArrayLike, a: npt.ArrayLike, b: npt.ArrayLike, num_labels: int
) -> npt.NDArray[np.intp]:
    """Cells of a gold x answer of A x answer of B table with K * (K + 1) * (K + 1) cells.

    Args:
        gold: Ints (N,) in [0, K).
        a: Ints (N,), the first system's answers, in [0, K) or -1 for no valid answer.
        b: The second system's.
        num_labels: K.

    Raises:
        UsageError: The lengths differ or a label is out of range.
    """
    answers = _checked(b, num_labels, -1)
    first = single_cells(gold, a, num_labels)
    _check_lengths(first, answers)
    return first * (num_labels + 1) + answers % (num_labels + 1)


def pair_tables(tables: npt.NDArray[Any], num_labels: int) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The confusion tables of A and of B, (..., K, K + 1) each, from joint tables (..., cells of a pair)."""
    answers = num_labels + 1
    joint = tables.reshape(*tables.shape[:-1], num_labels, answers, answers)
    return joint.sum(axis=-1), joint.sum(axis=-2)


def _checked(labels: npt.ArrayLike, num_labels: int, lowest: int) -> npt.NDArray[np.intp]:
    array = np.asarray(labels)
    if array.size and (array.dtype.kind not in "iu" or array.min() < lowest or array.max() >= num_labels):
        raise UsageError(
            f"Expected labels to be integers from {lowest} to {num_labels - 1}, but got {array.dtype} from "
            f"{array.min()} to {array.max()}. Pass indices into the label space, -1 for no valid answer."
        )
    return array.astype(np.intp)


def _check_lengths(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> None:
    if first.shape != second.shape or first.ndim != 1:
        raise UsageError(
            f"Expected one label per sample on every side, but got shapes {first.shape} and {second.shape}. "
            "Align the arrays by sample id first."
        )
