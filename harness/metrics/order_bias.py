"""Does the order in which labels are shown change the answers?

An image is asked O times. Answers are label indices (..., O), or -1 for no valid answer, which is an
answer of its own kind: it differs from every label and equals itself. `order_ids` (O,) tells which asks
showed the same order, so that a model's own noise can be told from what the order does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError
from harness.metrics.classification import Table, recall_per_class

Answers: TypeAlias = npt.NDArray[np.integer[Any]]
Values: TypeAlias = npt.NDArray[np.float64]
Statistic: TypeAlias = Callable[[Answers], npt.ArrayLike]

_CHUNK = 1 << 16  # answers permuted at a time: 0.5 MB, a third faster than 8 MB


class AccuracyRange(NamedTuple):
    """Accuracy with the order that suits the model least, and with the one that suits it best.

    The extremes of many orders lie apart by chance alone, the more so the fewer images there are.
    """

    worst: float
    best: float


def flip_rates(answers: npt.ArrayLike) -> Values:
    """Share of the pairs of asks that disagree, per image: (..., O) -> (...).

    Raises:
        UsageError: There are fewer than two asks.

    >>> flip_rates([[0, 0, 1], [-1, -1, -1]]).round(3)
    array([0.667, 0.   ])
    """
    array = _checked(answers)
    asks = array.shape[-1]
    if asks < 2:
        raise UsageError(
            f"Expected at least two asks per image, but got {asks}. Ask with a second label order."
        )
    return _weighted_disagreement(array, np.full((asks, asks), 1 / (asks * (asks - 1))))


def excess_flips(answers: npt.ArrayLike, order_ids: npt.ArrayLike) -> Values:
    """How much more often two different orders disagree than two asks with the same order, per image.

    Every pair of orders weighs the same, and so does every repeated order. Each image's value is unbiased:
    its mean is 0 for a model whose answers do not depend on the order, however noisy it is. Where no
    order is repeated, this is the flip rate: right only for a model that repeats its answers.

    Args:
        answers: Ints (..., O).
        order_ids: Ints (O,); equal where the same order was shown.

    Returns:
        (...) values in [-1, 1].

    Raises:
        UsageError: There is only one order, or not one id per ask.

    >>> excess_flips([[0, 0, 1, 1], [0, 1, 0, 1]], [7, 7, 8, 8])
    array([ 1. , -0.5])
    """
    array, codes = _checked(answers), _order_codes(answers, order_ids)
    asks = np.bincount(codes)
    orders, repeated = len(asks), asks > 1
    if orders < 2:
        raise UsageError("Expected at least two label orders, but got one. Ask with a second label order.")
    same = codes[:, None] == codes
    weights = ~same / (orders * (orders - 1) * np.outer(asks, asks)[codes][:, codes])
    if repeated.any():
        pairs = np.where(repeated, repeated.sum() * asks * (asks - 1), 1)[codes]
        weights -= (same & repeated[codes]) / pairs
    return _weighted_disagreement(array, weights)


def consistency(answers: npt.ArrayLike) -> float:
    """Share of the images (N, O) with one and the same answer in all asks."""
    array = _checked(answers)
    return float((array == array[:, :1]).all(axis=1).mean())


def accuracy_range(answers: npt.ArrayLike, gold: npt.ArrayLike, order_ids: npt.ArrayLike) -> AccuracyRange:
    """Accuracy with the worst and with the best order, each order's repeats taken together.

    Args:
        answers: Ints (N, O).
        gold: Ints (N,).
        order_ids: Ints (O,); equal where the same order was shown.

    Raises:
        UsageError: There is not one id per ask.

    >>> accuracy_range([[0, 1], [1, 1]], [0, 1], [0, 1])
    AccuracyRange(worst=0.5, best=1.0)
    """
    codes = _order_codes(answers, order_ids)
    right = (_checked(answers) == np.asarray(gold)[:, None]).mean(axis=0)
    accuracy = np.bincount(codes, right) / np.bincount(codes)
    return AccuracyRange(float(accuracy.min()), float(accuracy.max()))


def recall_std(table: Table) -> Values:
    """RStd: standard deviation of recall over the classes with gold samples, (..., K, K + 1) -> (...).

    On a table of labels it tells how unequal a model treats them. On a table of positions
    (`position_table`) it is the measure of Zheng et al., ICLR 2024 (arXiv 2309.03882): a model that does not
    care where a label stands has the same recall at each position. nan without samples.
    """
    recall = recall_per_class(table)
    present = ~np.isnan(recall)
    count = np.where(present.any(axis=-1), present.sum(axis=-1), np.nan)
    mean = np.where(present, recall, 0.0).sum(axis=-1) / count
    deviations = np.where(present, recall - mean[..., None], 0.0)
    spread: Values = np.sqrt((deviations**2).sum(axis=-1) / count)
    return spread


def order_permutation_test(
    answers: npt.ArrayLike, statistic: Statistic, *, replicates: int = 1_000, seed: int = 0
) -> float:
    """One-sided p-value of "which order was shown makes no difference", by permuting asks within images.

    Exact under that hypothesis: then an image's answers could as well have come in any other sequence.
    The statistic has to know the orders, as `excess_flips` with repeats and `mutual_information` do. A
    flip rate without repeats is the same for every permutation and gives p = 1; where a model repeats
    its answers, no test is needed: one flip shows that the order matters.

    Args:
        answers: Ints (N, O).
        statistic: Function of answers (R, N, O) that gives (R,), large where the order matters.
        replicates: How many permutations.
        seed: Seed of the permutations.

    Returns:
        (1 + permutations at least as extreme as observed) / (1 + replicates), never 0.

    Raises:
        UsageError: `replicates` is smaller than 1.

    >>> ids, answers = np.array([0, 0, 1, 1]), np.tile([2, 2, 5, 5], (20, 1))
    >>> order_permutation_test(answers, lambda a: excess_flips(a, ids).mean(axis=-1), replicates=199)
    0.005
    """
    array = _checked(answers)
    observed = float(np.asarray(statistic(array[None]))[0])
    permuted = np.concatenate([np.asarray(statistic(a)) for a in permutations(array, replicates, seed)])
    # Equal statistics may come out of different sums, rounded differently.
    return (1 + int((permuted >= observed - 1e-9).sum())) / (1 + replicates)


def permutations(answers: Answers, replicates: int, seed: int) -> Iterator[Answers]:
    """Yields answers (r, N, O) in chunks, each image's asks in a random sequence.

    Raises:
        UsageError: `replicates` is smaller than 1.
    """
    if replicates < 1:
        raise UsageError(f"Expected argument `replicates` to be at least 1, but got {replicates}. Use 1,000.")
    rng = np.random.default_rng(seed)
    varied = np.flatnonzero((answers != answers[:, :1]).any(axis=1))  # nothing changes in the others
    step = max(1, _CHUNK // max(1, answers.size))
    for start in range(0, replicates, step):
        chunk = np.repeat(answers[None], min(step, replicates - start), axis=0)
        chunk[:, varied] = rng.permuted(chunk[:, varied], axis=-1)
        yield chunk


def _weighted_disagreement(answers: Answers, weights: Values) -> Values:
    """Sum of the weights (O, O) of the pairs of asks that disagree, (..., O) -> (...); none with itself."""
    flat = answers.reshape(-1, answers.shape[-1])
    agreeing = np.zeros(len(flat))
    for kind in range(int(flat.min()), int(flat.max()) + 1):
        given = (flat == kind).astype(np.float64)
        agreeing += np.einsum("no,no->n", given @ weights, given)
    # Rounded, so that shares which are equal are equal numbers and count as one value.
    disagreeing: Values = np.round(weights.sum() - agreeing, 12) + 0.0
    return disagreeing.reshape(answers.shape[:-1])


def _order_codes(answers: npt.ArrayLike, order_ids: npt.ArrayLike) -> npt.NDArray[np.intp]:
    ids, asks = np.asarray(order_ids), np.shape(answers)[-1]
    if ids.shape != (asks,):
        raise UsageError(
            f"Expected argument `order_ids` to name one order per ask, but got shape {ids.shape} for {asks}. "
            "Repeat an order's id for each time it was asked."
        )
    return np.unique(ids, return_inverse=True)[1]


def _checked(answers: npt.ArrayLike) -> Answers:
    array = np.asarray(answers)
    if array.ndim < 2 or array.size == 0 or array.dtype.kind not in "iu" or array.min() < -1:
        raise UsageError(
            f"Expected argument `answers` to hold label indices (N, O) or -1, but got {array.dtype} of shape "
            f"{array.shape}. Pass one row per image and one column per ask."
        )
    return array
