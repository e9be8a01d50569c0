"""Which place in the list do the answers come from?

An image is asked O times with K labels shown. Answers are label indices (..., N, O), or -1; `orders` (O, K)
holds the label shown at each position. Every image is asked with every order, so labels and images
that are easy stand everywhere equally often, and a preference for a place cannot be one for them.
An answer that was not shown has no position.

Pick sums (..., 2, K, K) count, label by position, how often a label was shown there and how often it
was picked there. They add over images, so they can be resampled: `bootstrap_sums(pick_sums(answers,
orders), mutual_information_of_sums)`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError
from harness.metrics.order_bias import permutations

Values = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


def position_picks(answers: npt.ArrayLike, orders: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """How often each position was picked, (K,).

    Args:
        answers: Ints (N, O).
        orders: Ints (O, K).

    Raises:
        UsageError: The orders are not one per ask or do not show the same labels.

    >>> position_picks([[0, 1], [1, 1]], [[0, 1], [1, 0]])
    array([3, 1])
    """
    picks: npt.NDArray[np.int64] = _sums(answers, orders)[1].sum(axis=0).astype(np.int64)
    return picks


def position_pick_excess(answers: npt.ArrayLike, orders: npt.ArrayLike) -> float:
    """Largest share of valid answers that one position gets, less what it would get if it did not matter.

    That is 1 / K in a balanced design (`is_balanced`), where each label is at each position equally often;
    in any other design it follows from how often each label is picked in all. In [0, 1]; nan when there
    is no valid answer. Arguments and errors as of `position_picks`.

    >>> position_pick_excess([[0, 1], [0, 1]], [[0, 1], [1, 0]])
    0.5
    """
    return float(position_pick_excess_of_sums(_sums(answers, orders)))


def position_pick_p(answers: npt.ArrayLike, orders: npt.ArrayLike) -> float:
    """Chi-square p-value of "each position is picked as often as if it did not matter".

    Answers count as independent. Those to one image are not: a sure answer moves through all positions of
    a balanced design, so there the p-value is too large rather than too small. `order_permutation_test`
    with `mutual_information` is exact. nan when there is no valid answer. Arguments and errors as of
    `position_picks`.
    """
    from scipy.stats import chisquare

    sums = _sums(answers, orders)
    observed, expected = sums[1].sum(axis=0), _expected_picks(sums)
    # A position where no label that is ever picked was shown cannot be picked.
    possible = expected > 0
    return float(chisquare(observed[possible], expected[possible]).pvalue) if possible.any() else float("nan")


def mutual_information(answers: npt.ArrayLike, orders: npt.ArrayLike) -> Values:
    """What a label's position tells about whether it is picked, in nats: (..., N, O) -> (...).

    The mean over labels of I(position of the label; it is the answer): 0 for a model that does not care
    about positions whatever labels it prefers, because each label is compared with itself elsewhere. A
    model that always takes the first label has the entropy of a chance of 1 / K. Noise makes this
    plug-in estimate positive; `excess_mutual_information` takes that off.

    Args:
        answers: Ints (..., N, O).
        orders: Ints (O, K).

    Raises:
        UsageError: The orders are not one per ask or do not show the same labels.

    >>> orders = [[0, 1], [1, 0]]
    >>> first, same = [[0, 1], [0, 1]], [[0, 0], [1, 1]]
    >>> mutual_information([first, same], orders).round(3)
    array([0.693, 0.   ])
    """
    return mutual_information_of_sums(_sums(answers, orders))


def excess_mutual_information(
    answers: npt.ArrayLike, orders: npt.ArrayLike, *, replicates: int = 200, seed: int = 0
) -> float:
    """`mutual_information` less its mean over random permutations of each image's asks.

    So it is 0 on average for a model that does not care about positions, noisy or not, and may fall below.

    Args:
        answers: Ints (N, O).
        orders: Ints (O, K).
        replicates: How many permutations.
        seed: Seed of the permutations.

    Raises:
        UsageError: As `mutual_information`, or `replicates` is smaller than 1.
    """
    array = np.asarray(answers)
    observed = float(mutual_information(array, orders))
    chance = [mutual_information(a, orders) for a in permutations(array, replicates, seed)]
    return observed - float(np.concatenate(chance).mean())


def position_table(
    answers: npt.ArrayLike, gold: npt.ArrayLike, orders: npt.ArrayLike
) -> npt.NDArray[np.int64]:
    """Confusion tables of positions per image, (N, K, K + 1): where the gold label stood, which was picked.

    The last column counts answers without a position; an ask that does not show the gold label is not
    counted. Summed over images it is a table as of `confusion_table`, so that `recall_std` and the others
    take it.

    Args:
        answers: Ints (N, O).
        gold: Ints (N,).
        orders: Ints (O, K).

    Raises:
        UsageError: The orders are not one per ask or do not show the same labels.

    >>> position_table([[0, 0]], [0], [[0, 1], [1, 0]]).tolist()
    [[[1, 0, 0], [0, 1, 0]]]
    """
    array, shown = _checked(answers, orders)
    golds = np.repeat(np.asarray(gold)[:, None], array.shape[1], axis=1)
    picked, stood, size = _positions(array, shown), _positions(golds, shown), shown.shape[1]
    table = np.zeros((len(array), size, size + 1), np.int64)
    image, ask = np.nonzero(stood >= 0)
    np.add.at(table, (image, stood[image, ask], picked[image, ask]), 1)  # no position is the last column
    return table


def pick_sums(answers: npt.ArrayLike, orders: npt.ArrayLike) -> Values:
    """What every image adds to the pick sums, (N, 2, K, K). Arguments and errors as of `position_picks`."""
    return _sums(np.asarray(answers)[:, None], orders)


def position_pick_excess_of_sums(sums: Values) -> Values:
    """`position_pick_excess` from pick sums, (..., 2, K, K) -> (...)."""
    picks = sums[..., 1, :, :].sum(axis=-2)
    total = picks.sum(axis=-1)
    excess: Values = (picks - _expected_picks(sums)).max(axis=-1) / np.where(total > 0, total, np.nan)
    return excess


def mutual_information_of_sums(sums: Values) -> Values:
    """`mutual_information` from pick sums, (..., 2, K, K) -> (...)."""
    shown, picked = sums[..., 0, :, :], sums[..., 1, :, :]
    asks = shown.sum(axis=-1)
    overall = _binary_entropy(picked.sum(axis=-1) / asks)
    rates = picked / np.where(shown > 0, shown, 1)
    given_position = (shown * _binary_entropy(rates)).sum(axis=-1) / asks
    information: Values = (overall - given_position).mean(axis=-1)
    return information


def is_balanced(orders: npt.ArrayLike) -> bool:
    """Whether each label is at each position equally often in orders (O, K).

    >>> is_balanced([[0, 1], [1, 0]]), is_balanced([[0, 1], [0, 1]])
    (True, False)
    """
    shown = np.asarray(orders)
    counts = [(shown == label).sum(axis=0) for label in np.unique(shown)]
    return bool(np.ptp(counts) == 0)


def _sums(answers: npt.ArrayLike, orders: npt.ArrayLike) -> Values:
    """Pick sums over images and asks, (..., N, O) -> (..., 2, K, K); labels in rising order."""
    array, shown = _checked(answers, orders)
    size = shown.shape[1]
    asked = np.zeros((size, size))
    np.add.at(asked, (np.unique(shown, return_inverse=True)[1].reshape(shown.shape), np.arange(size)), 1)
    place = _places(shown, array)
    rank = np.searchsorted(np.sort(shown[0]), np.arange(place.shape[1]))
    cell = np.where(place >= 0, rank * size + place, size**2)  # the last one for answers without a position
    flat = array.reshape(-1, *array.shape[-2:])
    batch = np.arange(len(flat))[:, None, None] * (size**2 + 1)
    cells = cell[np.arange(len(shown)), flat] + batch
    counts = np.bincount(cells.ravel(), minlength=len(flat) * (size**2 + 1)).reshape(len(flat), -1)
    picked = counts[:, :-1].reshape(*array.shape[:-2], size, size)
    shown_sums = np.broadcast_to(asked * array.shape[-2], picked.shape)
    return np.stack([shown_sums, picked], axis=-3).astype(np.float64)


def _expected_picks(sums: Values) -> Values:
    """Picks of each position if labels were picked as often as they are, but wherever they stand."""
    shown, picked = sums[..., 0, :, :], sums[..., 1, :, :]
    shares = shown / shown.sum(axis=-1, keepdims=True)
    expected: Values = (picked.sum(axis=-1, keepdims=True) * shares).sum(axis=-2)
    return expected


def _positions(labels: Ints, orders: Ints) -> Ints:
    """Where labels (..., O) stand in the order of their ask, or -1."""
    found: Ints = _places(orders, labels)[np.arange(len(orders)), labels]
    return found


def _places(orders: Ints, labels: Ints) -> Ints:
    """The position of every label in every order, (O, L), -1 where it is not shown; column -1 is of none."""
    places = np.full((len(orders), int(max(labels.max(initial=0), orders.max())) + 2), -1)
    np.put_along_axis(places, orders, np.arange(orders.shape[1])[None], axis=1)
    return places


def _checked(answers: npt.ArrayLike, orders: npt.ArrayLike) -> tuple[Ints, Ints]:
    array, shown = np.asarray(answers), np.asarray(orders)
    matching = array.ndim >= 2 and shown.ndim == 2 and array.shape[-1] == len(shown)
    if (
        not matching
        or shown.shape[1] != len(np.unique(shown))
        or np.ptp(np.sort(shown, axis=1), axis=0).any()
    ):
        raise UsageError(
            "Expected answers (N, O) and orders (O, K) that all show the same K labels, but got shapes "
            f"{array.shape} and {shown.shape}. Pass one row of label indices per ask."
        )
    return array.astype(np.intp), shown.astype(np.intp)


def _binary_entropy(rate: npt.NDArray[Any]) -> Values:
    from scipy.special import entr

    entropy: Values = entr(rate) + entr(1 - rate)
    return entropy
