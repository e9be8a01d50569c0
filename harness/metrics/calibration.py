"""Metrics of probabilities and scores.

A sample whose row holds nan gave no scores, as its answer failed. `top_k_accuracy` counts it as wrong. A
calibration metric judges confidences, and it has stated none: it is left out there, so those metrics
are of survivors only and belong beside `coverage`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError

Values = npt.NDArray[np.float64]


class ReliabilityCurve(NamedTuple):
    """Samples by confidence, in bins of equal width over [0, 1].

    Attributes:
        confidence: (n_bins,) mean confidence, nan in an empty bin.
        accuracy: (n_bins,) share of correct answers, nan in an empty bin.
        counts: Ints (n_bins,). Their sum falls short of N by the samples without probabilities.
    """

    confidence: Values
    accuracy: Values
    counts: npt.NDArray[np.int64]


def expected_calibration_error(probabilities: npt.ArrayLike, gold: npt.ArrayLike, n_bins: int = 15) -> float:
    """Mean distance of confidence and accuracy over bins of equal width, weighted by samples (top label).

    Source: Guo et al., ICML 2017 (arXiv 1706.04599).

    Args:
        probabilities: (N, K), rows that sum to 1, or of nan: left out, see above.
        gold: Ints (N,) in [0, K).
        n_bins: Bins over [0, 1], closed on the right.

    Returns:
        A value in [0, 1], 0 when calibrated; nan when no sample has probabilities.

    Raises:
        UsageError: An argument has another shape or is out of range.
    """
    return float(calibration_error_of_sums(reliability_sums(probabilities, gold, n_bins).sum(axis=0)))


def brier_score(probabilities: npt.ArrayLike, gold: npt.ArrayLike) -> float:
    """Mean over samples of `squared_errors`: in [0, 2], 0 when certain and right (Brier, 1950).

    nan when no sample has probabilities. Arguments and errors as of `expected_calibration_error`.
    """
    errors = squared_errors(probabilities, gold)
    return float(errors[~np.isnan(errors)].mean()) if (~np.isnan(errors)).any() else float("nan")


def reliability_curve(
    probabilities: npt.ArrayLike, gold: npt.ArrayLike, n_bins: int = 15
) -> ReliabilityCurve:
    """Accuracy against confidence; arguments and errors as of `expected_calibration_error`."""
    count, confidence, correct = reliability_sums(probabilities, gold, n_bins).sum(axis=0)
    filled = np.where(count > 0, count, np.nan)
    return ReliabilityCurve(confidence / filled, correct / filled, count.astype(np.int64))


def top_k_accuracy(scores: npt.ArrayLike, gold: npt.ArrayLike, k: int) -> float:
    """Share of all samples whose gold label is among the k highest scores.

    Of equal scores the lower label index ranks first, so that k = 1 agrees with argmax. A sample with nan
    scores is wrong.

    Args:
        scores: (N, K); probabilities, logits or any other scores.
        gold: Ints (N,) in [0, K).
        k: At least 1.

    Raises:
        UsageError: An argument has another shape or is out of range, or there are no samples.
    """
    values, golds = _checked(scores, gold)
    if k < 1 or len(values) == 0:
        raise UsageError(
            f"Expected argument `k` to be at least 1 and one or more samples, but got {k} and {len(values)}. "
            "Use k = 1 for plain accuracy."
        )
    own = np.take_along_axis(values, golds[:, None], axis=1)
    earlier = np.arange(values.shape[1]) < golds[:, None]
    rank = ((values > own) | ((values == own) & earlier)).sum(axis=1)
    return float(np.mean((rank < k) & ~np.isnan(values).any(axis=1)))


def squared_errors(probabilities: npt.ArrayLike, gold: npt.ArrayLike) -> Values:
    """Squared distance of every sample's probabilities from the gold label's one-hot row, (N,); nan without.

    Arguments and errors as of `expected_calibration_error`.
    """
    values, golds = _probabilities(probabilities, gold)
    errors: Values = np.square(values - np.eye(values.shape[1])[golds]).sum(axis=1)
    return errors


def reliability_sums(probabilities: npt.ArrayLike, gold: npt.ArrayLike, n_bins: int = 15) -> Values:
    """What every sample adds to its bin's count, confidence and correct answers, (N, 3, n_bins).

    Rows to resample for an interval of the calibration error; zero for a sample without probabilities.
    Arguments and errors as of `expected_calibration_error`.
    """
    if n_bins < 1:
        raise UsageError(
            f"Expected argument `n_bins` to be an integer larger than 0, but got {n_bins}. "
            "Papers mostly use 15."
        )
    values, golds = _probabilities(probabilities, gold)
    answered = np.flatnonzero(~np.isnan(values).any(axis=1))
    chosen = values[answered].argmax(axis=1)
    confidence = np.minimum(values[answered, chosen], 1.0)
    bins = np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], confidence)
    sums = np.zeros((len(values), 3, n_bins))
    sums[answered, :, bins] = np.stack([np.ones(len(bins)), confidence, chosen == golds[answered]], axis=1)
    return sums


def calibration_error_of_sums(sums: Values) -> Values:
    """Expected calibration error from sums of `reliability_sums`, (..., 3, n_bins) -> (...)."""
    count, confidence, correct = sums[..., 0, :], sums[..., 1, :], sums[..., 2, :]
    gap, total = np.abs(confidence - correct).sum(axis=-1), count.sum(axis=-1)
    error = np.full(total.shape, np.nan)
    np.divide(gap, total, out=error, where=total > 0)
    return error


def _probabilities(probabilities: npt.ArrayLike, gold: npt.ArrayLike) -> tuple[Values, npt.NDArray[np.intp]]:
    values, golds = _checked(probabilities, gold)
    total = values.sum(axis=1)
    if (values < 0).any() or (np.abs(total - 1) > 1e-3).any():
        raise UsageError(
            "Expected argument `probabilities` to hold rows of values from 0 to 1 that sum to 1, or of nan. "
            "Apply a softmax to logits first."
        )
    return values, golds


def _checked(scores: npt.ArrayLike, gold: npt.ArrayLike) -> tuple[Values, npt.NDArray[np.intp]]:
    values, golds = np.asarray(scores, dtype=np.float64), np.asarray(gold)
    if values.ndim != 2 or golds.shape != values.shape[:1]:
        raise UsageError(
            f"Expected scores of shape (N, K) and gold labels of shape (N,), but got {values.shape} and "
            f"{golds.shape}. Pass one row of scores per sample."
        )
    if golds.size and (golds.dtype.kind not in "iu" or golds.min() < 0 or golds.max() >= values.shape[1]):
        raise UsageError(
            f"Expected argument `gold` to hold integers from 0 to {values.shape[1] - 1}, but got "
            f"{golds.dtype} from {golds.min()} to {golds.max()}. Pass indices into the label space."
        )
    return values, golds.astype(np.intp)
