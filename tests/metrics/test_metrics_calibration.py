import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, top_k_accuracy_score

from harness.errors import UsageError
from harness.metrics import (
    brier_score,
    expected_calibration_error,
    reliability_curve,
    squared_errors,
    top_k_accuracy,
)


def answers(seed: int, n: int = 300, num_labels: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(num_labels) * 0.4, n), rng.integers(0, num_labels, n)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 4, 10, 15]))
def test_reliability_equals_scikit_learn(seed, n_bins):
    probabilities, gold = answers(seed)
    correct, confidence = probabilities.argmax(axis=1) == gold, probabilities.max(axis=1)
    accuracy, mean_confidence = calibration_curve(correct, confidence, n_bins=n_bins)
    curve = reliability_curve(probabilities, gold, n_bins)
    filled = curve.counts > 0
    np.testing.assert_allclose(curve.accuracy[filled], accuracy)
    np.testing.assert_allclose(curve.confidence[filled], mean_confidence)
    assert np.isnan(curve.accuracy[~filled]).all()
    weights = curve.counts[filled] / len(gold)
    expected = (weights * np.abs(accuracy - mean_confidence)).sum()
    assert expected_calibration_error(probabilities, gold, n_bins) == pytest.approx(expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 8))
def test_brier_equals_scikit_learn(seed, num_labels):
    probabilities, gold = answers(seed, num_labels=num_labels)
    expected = brier_score_loss(gold, probabilities, labels=range(num_labels), scale_by_half=False)
    assert brier_score(probabilities, gold) == pytest.approx(expected)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_top_k_equals_scikit_learn_without_ties(seed, k):
    probabilities, gold = answers(seed)
    expected = top_k_accuracy_score(gold, probabilities, k=k, labels=range(5))
    assert top_k_accuracy(probabilities, gold, k) == pytest.approx(expected)


def test_ties_rank_like_argmax():
    scores = np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.2, 0.4, 0.4]])
    assert top_k_accuracy(scores, [0, 1, 2], 1) == pytest.approx(1 / 3)
    assert top_k_accuracy(scores, [0, 1, 2], 2) == 1


def test_extremes():
    certain = np.eye(3)
    assert expected_calibration_error(certain, [0, 1, 2]) == brier_score(certain, [0, 1, 2]) == 0
    assert expected_calibration_error(certain, [1, 2, 0]) == 1
    assert brier_score(certain, [1, 2, 0]) == 2


def test_failed_answers_are_left_out_of_calibration_and_wrong_in_top_k():
    probabilities, gold = answers(0)
    failed = np.arange(len(gold)) % 3 == 0
    holey = np.where(failed[:, None], np.nan, probabilities)
    kept, kept_gold = probabilities[~failed], gold[~failed]
    assert expected_calibration_error(holey, gold) == pytest.approx(
        expected_calibration_error(kept, kept_gold)
    )
    assert brier_score(holey, gold) == pytest.approx(brier_score(kept, kept_gold))
    assert reliability_curve(holey, gold).counts.sum() == (~failed).sum()
    assert np.isnan(squared_errors(holey, gold)).sum() == failed.sum()
    expected = top_k_accuracy(kept, kept_gold, 2) * len(kept) / len(gold)
    assert top_k_accuracy(holey, gold, 2) == pytest.approx(expected)


def test_nothing_but_failed_answers_is_nan():
    holey = np.full((4, 3), np.nan)
    assert np.isnan(expected_calibration_error(holey, [0, 1, 2, 0]))
    assert np.isnan(brier_score(holey, [0, 1, 2, 0]))
    assert top_k_accuracy(holey, [0, 1, 2, 0], 3) == 0


def test_single_precision_sums_are_probabilities():
    logits = np.random.default_rng(0).normal(size=(100, 7)).astype(np.float32) * 20
    softmax = np.exp(logits - logits.max(axis=1, keepdims=True))
    softmax /= softmax.sum(axis=1, keepdims=True)
    assert 0 <= expected_calibration_error(softmax, np.zeros(100, int)) <= 1


@pytest.mark.parametrize("metric", [expected_calibration_error, brier_score])
def test_logits_are_refused(metric):
    with pytest.raises(UsageError, match="softmax"):
        metric(np.array([[3.0, -1.0]]), [0])


@pytest.mark.parametrize(
    ("call", "cause"),
    [
        (lambda: expected_calibration_error(np.eye(2), [0, 1], 0), "`n_bins` to be an integer larger than 0"),
        (lambda: top_k_accuracy(np.eye(2), [0, 1], 0), "`k` to be at least 1"),
        (lambda: brier_score(np.eye(2), [0, 2]), "`gold` to hold integers from 0 to 1"),
        (lambda: brier_score(np.eye(2), [0]), r"shape \(N, K\)"),
        (lambda: brier_score(np.ones(2), [0, 1]), r"shape \(N, K\)"),
    ],
)
def test_says_which_argument_is_wrong(call, cause):
    with pytest.raises(UsageError, match=cause):
        call()
