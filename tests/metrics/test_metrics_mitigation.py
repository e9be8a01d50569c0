"""Each mitigation undoes a bias of the form that it assumes, and leaves answers without that bias alone."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.metrics import (
    batch_calibration,
    contextual_calibration,
    majority_vote,
    permutation_vote,
    pride,
)

ALL = np.array(list(permutations(range(4))))
CYCLIC = np.array([np.roll(np.arange(4), -shift) for shift in range(4)])
PRIOR = np.array([0.55, 0.25, 0.15, 0.05])

priors = st.lists(st.floats(0.02, 1), min_size=4, max_size=4)


def beliefs(n: int = 60, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(4, 0.8), n).clip(1e-6)


def normalised(weights: np.ndarray) -> np.ndarray:
    return weights / weights.sum(axis=-1, keepdims=True)


def placed(content: np.ndarray, orders: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Scores (N, O, K) of labels whose chances the prior of their position multiplies."""
    return normalised(content[:, None] * np.asarray(prior)[np.argsort(orders, axis=1)])


@settings(deadline=None)
@given(priors, st.sampled_from([ALL, CYCLIC]), st.integers(0, 3), st.integers(0, 5))
def test_pride_takes_out_what_positions_are_worth(prior, orders, order, seed):
    content = normalised(beliefs())
    scores = placed(content, orders, np.array(prior))
    debiased = pride(scores, orders, share=0.1, order=order, seed=seed)
    exact = np.isclose(debiased, content, rtol=1e-6).all(axis=1)
    learned_from = np.isclose(debiased, permutation_vote(scores)).all(axis=1)
    assert (exact | learned_from).all()
    assert exact.sum() >= 54  # all but the six images that it learned from


def test_the_control_of_pride_is_biased():
    content = normalised(beliefs())
    raw = placed(content, CYCLIC, PRIOR)[:, 0]
    assert (raw.argmax(axis=1) != content.argmax(axis=1)).mean() > 0.25


def test_a_vote_over_all_orders_gives_every_label_the_same_places():
    content = normalised(beliefs(400))
    vote = permutation_vote(placed(content, ALL, PRIOR))
    np.testing.assert_array_equal(vote.argmax(axis=1), content.argmax(axis=1))
    np.testing.assert_allclose(vote.sum(axis=1), 1)


@settings(deadline=None)
@given(priors)
def test_contextual_calibration_divides_by_the_answer_to_nothing(prior):
    content, blank = normalised(beliefs()), normalised(np.array(prior))
    np.testing.assert_allclose(contextual_calibration(normalised(content * blank), blank), content, rtol=1e-6)


def test_batch_calibration_recovers_labels_that_are_equally_frequent():
    """Chances a, 1/2 - a, b, 1/2 - b times 1.5 and 0.5: rows still sum to 1, so the mean is the bias."""
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0.01, 0.49, (2, 200))
    content = np.stack([a, b, 0.5 - a, 0.5 - b], axis=1)
    content = np.concatenate([content, content[:, [2, 3, 0, 1]]])
    biased = content * [1.5, 0.5, 1.5, 0.5]
    assert (biased.argmax(axis=1) != content.argmax(axis=1)).mean() > 0.2
    np.testing.assert_allclose(batch_calibration(biased), content, rtol=1e-9)


def test_without_bias_nothing_changes():
    content = normalised(beliefs())
    fair = np.concatenate([np.roll(content, shift, axis=1) for shift in range(4)])
    scores = placed(content, ALL, np.ones(4))
    np.testing.assert_allclose(permutation_vote(scores), content)
    np.testing.assert_allclose(pride(scores, ALL), content, rtol=1e-9)
    np.testing.assert_allclose(contextual_calibration(content, [0.25] * 4), content)
    np.testing.assert_allclose(batch_calibration(fair), fair)


@given(st.lists(st.lists(st.integers(-1, 3), min_size=5, max_size=5), min_size=1, max_size=6))
def test_votes_are_shares_of_the_valid_answers(answers):
    for row, ours in zip(answers, majority_vote(answers, 4), strict=True):
        valid = [answer for answer in row if answer >= 0]
        expected = [valid.count(label) / len(valid) if valid else np.nan for label in range(4)]
        np.testing.assert_allclose(ours, expected)


def test_failed_answers_stay_failed_and_bias_nothing():
    content = normalised(beliefs())
    scores = placed(content, CYCLIC, PRIOR)
    whole_images, one_order = scores.copy(), scores.copy()
    whole_images[::3], one_order[:, 1] = np.nan, np.nan
    lost = np.arange(60) % 3 == 0
    for ours, expected in (
        (permutation_vote(whole_images), permutation_vote(scores)),
        (batch_calibration(whole_images[:, 0]), None),
        (contextual_calibration(whole_images[:, 0], PRIOR), contextual_calibration(scores[:, 0], PRIOR)),
        (pride(whole_images, CYCLIC, share=0.1), None),
    ):
        assert np.isnan(ours[lost]).all()
        np.testing.assert_allclose(ours[~lost].sum(axis=1), 1)
        if expected is not None:
            np.testing.assert_allclose(ours[~lost], expected[~lost])
    np.testing.assert_allclose(
        batch_calibration(whole_images[:, 0])[~lost], batch_calibration(scores[~lost, 0])
    )
    np.testing.assert_allclose(permutation_vote(one_order), permutation_vote(scores[:, [0, 2, 3]]))


def test_a_probability_of_zero_is_survived():
    scores = placed(np.eye(4)[[0, 1, 2, 3]], CYCLIC, PRIOR)
    for ours in (
        pride(scores, CYCLIC, share=0.5),
        batch_calibration(scores[:3, 0]),
        contextual_calibration(scores[:, 0], [1, 0, 0, 0]),
    ):
        np.testing.assert_array_equal(ours.argmax(axis=1), np.arange(len(ours)))
        assert np.isfinite(ours).all()


@pytest.mark.parametrize(
    ("call", "cause"),
    [
        (lambda s: pride(s, ALL[:5]), "equally often"),
        (lambda s: pride(s[:, :2], ALL[:2]), "equally often"),
        (lambda s: pride(s, CYCLIC, share=0), r"share in \(0, 1\], but got \(4, 4\) and 0"),
        (lambda s: pride(s * np.nan, CYCLIC), "scores in every order"),
        (lambda s: pride(np.log(s), CYCLIC), "softmax"),
        (lambda s: permutation_vote(s[:, 0]), "with 3 axes"),
        (lambda s: batch_calibration(s[:, 0] * 2), "softmax"),
        (lambda s: contextual_calibration(s[:, 0], [0.5, 0.5]), "4 probabilities, but got .* blank image"),
    ],
)
def test_says_what_is_wrong(call, cause):
    with pytest.raises(UsageError, match=cause):
        call(placed(normalised(beliefs()), CYCLIC, PRIOR))
