"""Ways to take a bias out of answers after the fact, to be shown beside the raw ones.

All give probabilities (N, K) in label space. A row of nan, for an answer that failed, stays nan and takes
no part in any estimate. Labels that share the highest probability tie: `argmax` takes the first.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError
from harness.metrics.position_bias import is_balanced

Values = npt.NDArray[np.float64]

_FLOOR = 1e-12  # a probability that single precision rounded to 0 must not outweigh all others


def permutation_vote(scores: npt.ArrayLike) -> Values:
    """Mean probability of each label over the orders in which labels were shown: (N, O, K) -> (N, K).

    Orders without probabilities are left out, image by image.

    Raises:
        UsageError: The scores are no probabilities.
    """
    values = _checked(scores, 3)
    known = ~np.isnan(values).any(axis=2, keepdims=True)
    mean: Values = np.where(known, values, 0.0).sum(axis=1) / _or_nan(known.sum(axis=1))
    return mean


def majority_vote(answers: npt.ArrayLike, num_labels: int) -> Values:
    """Share of each label among an image's valid answers, for models that give no scores.

    Args:
        answers: Ints (N, O), in [0, K) or -1.
        num_labels: K.

    Returns:
        (N, K); nan for an image without a valid answer.

    >>> majority_vote([[0, 0, 1, -1]], num_labels=2).round(3)
    array([[0.667, 0.333]])
    """
    votes = (np.asarray(answers)[..., None] == np.arange(num_labels)).sum(axis=1)
    shares: Values = votes / _or_nan(votes.sum(axis=1, keepdims=True))
    return shares


def pride(
    scores: npt.ArrayLike, orders: npt.ArrayLike, *, share: float = 0.05, order: int = 0, seed: int = 0
) -> Values:
    """PriDe: learns from some images what each position is worth, and takes that out of all others.

    An image asked with all orders gives a prior of the positions: over a balanced design the labels' part
    of the mean log-probability is the same everywhere. The mean prior of a random share of images divides
    the others' answers to one order; the images that it was learned from keep their `permutation_vote`.
    Source: Zheng et al., ICLR 2024 (arXiv 2309.03882).

    Args:
        scores: (N, O, K) probabilities of labels.
        orders: Ints (O, K), the label shown at each position; each label at each position equally often.
        share: Share of the images to learn from, rounded up.
        order: Index of the order that the other images are asked with.
        seed: Seed of the choice of images.

    Raises:
        UsageError: The orders are not balanced or do not fit the scores, these are no probabilities, or no
            image that was to be learned from has all of its scores.
    """
    values, shown = _checked(scores, 3), np.asarray(orders)
    if shown.shape != values.shape[1:] or not is_balanced(shown) or not 0 < share <= 1:
        raise UsageError(
            f"Expected orders {values.shape[1:]} that show each label at each position equally often, and a "
            f"share in (0, 1], but got {shown.shape} and {share}. Use all permutations or a Williams design."
        )
    complete = np.flatnonzero(~np.isnan(values).any(axis=(1, 2)))
    if len(complete) == 0:
        raise UsageError("Expected one or more images with scores in every order. Ask the failed ones again.")
    learned_from = np.random.default_rng(seed).permutation(complete)[: int(np.ceil(share * len(values)))]
    by_position = np.take_along_axis(values[learned_from], shown[None], axis=2)
    log_prior = np.log(by_position.clip(_FLOOR)).mean(axis=1)
    prior = _normalised(np.exp(log_prior)).mean(axis=0)
    debiased = _normalised(values[:, order] / prior[np.argsort(shown[order])])
    debiased[learned_from] = permutation_vote(values[learned_from])
    return debiased


def contextual_calibration(scores: npt.ArrayLike, content_free: npt.ArrayLike) -> Values:
    """Divides probabilities by those of an image without content, and scales them to sum to 1.

    Source: Zhao et al., ICML 2021 (arXiv 2102.09690), with W the inverse of that answer and b = 0.

    Args:
        scores: (N, K) probabilities.
        content_free: (K,) the answer to a blank image, under the same prompt.

    Raises:
        UsageError: An argument holds no probabilities, or they are of different labels.

    >>> contextual_calibration([[0.6, 0.4]], [0.75, 0.25]).round(3)
    array([[0.333, 0.667]])
    """
    values, blank = _checked(scores, 2), _checked(content_free, 1)
    if blank.shape != values.shape[1:] or np.isnan(blank).any():
        raise UsageError(
            f"Expected argument `content_free` to hold {values.shape[1]} probabilities, but got "
            f"{blank.tolist()}. Ask about a blank image with the same prompt."
        )
    return _normalised(values / blank.clip(_FLOOR))


def batch_calibration(scores: npt.ArrayLike) -> Values:
    """Divides probabilities by their mean over all images, and scales them to sum to 1: (N, K).

    Takes labels to be equally frequent in truth: where they are not, it also removes what is right.
    Source: Zhou et al., ICLR 2024 (arXiv 2309.17249).

    Raises:
        UsageError: The scores are no probabilities.

    >>> batch_calibration([[0.9, 0.1], [0.6, 0.4]]).round(3)
    array([[0.75 , 0.25 ],
           [0.333, 0.667]])
    """
    values = _checked(scores, 2)
    known = ~np.isnan(values).any(axis=1)
    mean = values[known].sum(axis=0) / max(1, known.sum())
    return _normalised(values / mean.clip(_FLOOR))


def _normalised(weights: Values) -> Values:
    shares: Values = weights / weights.sum(axis=-1, keepdims=True)
    return shares


def _or_nan(counts: npt.NDArray[np.intp]) -> Values:
    return np.where(counts > 0, counts, np.nan)


def _checked(scores: npt.ArrayLike, axes: int) -> Values:
    values = np.asarray(scores, np.float64)
    if values.ndim != axes or (values < 0).any() or (np.abs(values.sum(axis=-1) - 1) > 1e-3).any():
        raise UsageError(
            f"Expected probabilities with {axes} axes, of which the last sums to 1 or is nan, but got shape "
            f"{values.shape}. Apply a softmax to log-likelihoods first."
        )
    return values
