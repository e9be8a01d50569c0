"""Metrics of confusion tables.

A table has shape (..., K, K + 1): rows gold, columns answers, the last column "no valid answer". Leading
axes, such as bootstrap replicates, are kept. A sample without a valid answer is wrong: it counts in
every denominator but that of `accuracy_of_answered`.

A class that is in neither gold nor answers is undefined (nan) and left out of means, so that labels
which a test set lacks do not change a mean over classes. The precision of a class that is in gold but
never answered is 0. Recall needs gold: for a class without any it is nan.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError

Table = npt.NDArray[Any]
Values = npt.NDArray[np.float64]


def confusion_table(gold: npt.ArrayLike, predicted: npt.ArrayLike, num_labels: int) -> npt.NDArray[np.int64]:
    """Counts answers per gold label.

    Args:
        gold: Ints (N,) in [0, K).
        predicted: Ints (N,) in [0, K), or -1 for no valid answer.
        num_labels: K, the size of the label space.

    Returns:
        (K, K + 1) counts.

    Raises:
        UsageError: The lengths differ or a label is out of range.

    >>> confusion_table([0, 0, 1], [0, 1, -1], num_labels=2)
    array([[1, 1, 0],
           [0, 0, 1]])
    """
    golds, answers = np.asarray(gold), np.asarray(predicted)
    if golds.shape != answers.shape or golds.ndim != 1:
        raise UsageError(
            f"Expected gold and answers of one shape (N,), but got {golds.shape} and {answers.shape}. "
            "Align the arrays by sample id first."
        )
    for name, labels, lowest in (("gold", golds, 0), ("predicted", answers, -1)):
        if labels.size and (
            labels.dtype.kind not in "iu" or labels.min() < lowest or labels.max() >= num_labels
        ):
            raise UsageError(
                f"Expected argument `{name}` to hold integers from {lowest} to {num_labels - 1}, but got "
                f"{labels.dtype} from {labels.min()} to {labels.max()}. Pass indices into the label space."
            )
    table = np.zeros((num_labels, num_labels + 1), np.int64)
    if golds.size:
        np.add.at(table, (golds, answers), 1)  # answer -1 is the last column
    return table


def accuracy(table: Table) -> Values:
    """Share of all samples answered correctly; nan for no samples. Equals micro-averaged recall."""
    return _ratio(_hits(table).sum(axis=-1), table.sum(axis=(-2, -1)))


def coverage(table: Table) -> Values:
    """Share of all samples with a valid answer."""
    return _ratio(table[..., :-1].sum(axis=(-2, -1)), table.sum(axis=(-2, -1)))


def accuracy_of_answered(table: Table) -> Values:
    """Share of the valid answers that are correct: of survivors only, so read it beside `coverage`."""
    return _ratio(_hits(table).sum(axis=-1), table[..., :-1].sum(axis=(-2, -1)))


def balanced_accuracy(table: Table) -> Values:
    """Mean recall of the classes with gold samples (UAR, macro recall)."""
    return _mean(recall_per_class(table))


def recall_per_class(table: Table) -> Values:
    """Share of a class's samples answered correctly, (..., K); nan without samples."""
    return _ratio(_hits(table), table.sum(axis=-1))


def precision_per_class(table: Table) -> Values:
    """Share of a class's answers that are correct, (..., K); 0 if never answered, nan if also not in gold."""
    answered = table[..., :-1].sum(axis=-2)
    # A class in gold without answers divides its 0 hits by its support: 0, where it is in neither 0 / 0.
    return _ratio(_hits(table), np.where(answered > 0, answered, table.sum(axis=-1)))


def f1_per_class(table: Table) -> Values:
    """Harmonic mean of precision and recall, (..., K); nan for a class in neither gold nor answers."""
    return _ratio(2 * _hits(table), table.sum(axis=-1) + table[..., :-1].sum(axis=-2))


def macro_precision(table: Table) -> Values:
    """Mean precision of the classes in gold or answers."""
    return _mean(precision_per_class(table))


def macro_f1(table: Table) -> Values:
    """Mean F1 of the classes in gold or answers."""
    return _mean(f1_per_class(table))


def weighted_precision(table: Table) -> Values:
    """Mean precision, each class weighted by its gold samples."""
    return _weighted_mean(precision_per_class(table), table)


def weighted_f1(table: Table) -> Values:
    """Mean F1, each class weighted by its gold samples. (Weighted recall is `accuracy`.)"""
    return _weighted_mean(f1_per_class(table), table)


def _hits(table: Table) -> Table:
    return np.diagonal(table, axis1=-2, axis2=-1)


def _ratio(numerator: Table, denominator: Table) -> Values:
    """The quotient, nan where the denominator is 0."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    quotient = np.full(shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def _mean(per_class: Values) -> Values:
    """Mean over the classes that are defined."""
    defined = ~np.isnan(per_class)
    return _ratio(np.where(defined, per_class, 0.0).sum(axis=-1), defined.sum(axis=-1))


def _weighted_mean(per_class: Values, table: Table) -> Values:
    support = table.sum(axis=-1)
    return _ratio(np.where(support > 0, per_class * support, 0.0).sum(axis=-1), support.sum(axis=-1))
