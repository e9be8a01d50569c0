"""Collapse: against scipy, nan where nothing is defined, and told apart from not seeing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy, norm

from harness.metrics import (
    confusion_table,
    detection,
    effective_classes,
    kl_to_gold,
    normalised_entropy,
    over_prediction,
    uar_war_gap,
)

pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=1, max_size=40)
METRICS = (
    normalised_entropy,
    effective_classes,
    kl_to_gold,
    uar_war_gap,
    lambda table: over_prediction(table, 2),
    lambda table: detection(table, 2).d_prime,
    lambda table: detection(table, 2).criterion,
)


@settings(deadline=None)
@given(pairs)
def test_entropies_are_scipys_of_the_valid_answers(answered):
    gold, answers = np.array(answered).T
    table = confusion_table(gold, answers, 4)
    counts, truth = np.bincount(answers[answers >= 0], minlength=4), np.bincount(gold, minlength=4)
    if counts.sum() == 0:
        assert np.isnan([normalised_entropy(table), effective_classes(table), kl_to_gold(table)]).all()
        return
    assert normalised_entropy(table) == pytest.approx(entropy(counts, base=4), abs=1e-12)
    assert effective_classes(table) == pytest.approx(np.exp(entropy(counts)))
    assert kl_to_gold(table) == pytest.approx(entropy(counts, truth), abs=1e-12)
    assert effective_classes(table) >= 1 - 1e-12
    assert kl_to_gold(table) >= -1e-12


@settings(deadline=None)
@given(pairs, st.integers(0, 3))
def test_detection_and_over_prediction_are_counted_sample_by_sample(answered, k):
    gold, answers = np.array(answered).T
    table = confusion_table(gold, answers, 4)
    own = gold == k
    hits, alarms = (answers[own] == k).sum(), (answers[~own] == k).sum()
    ours = detection(table, k)
    if 0 < own.sum() < len(own):
        z_hits, z_alarms = norm.ppf([(hits + 0.5) / (own.sum() + 1), (alarms + 0.5) / ((~own).sum() + 1)])
        assert ours == pytest.approx((z_hits - z_alarms, -(z_hits + z_alarms) / 2))
    else:
        assert np.isnan(ours).all()
    ratio = over_prediction(table, k)
    assert ratio == pytest.approx((answers == k).sum() / own.sum()) if own.any() else np.isnan(ratio)


@given(st.lists(pairs, min_size=1, max_size=4))
def test_leading_axes_are_kept(blocks):
    tables = np.stack([confusion_table(*np.array(block).T, 4) for block in blocks])
    for metric in METRICS:
        np.testing.assert_array_equal(metric(tables), [metric(table) for table in tables])
        resampled = tables.astype(np.float32)[None]  # the type that a bootstrap draws
        np.testing.assert_allclose(metric(resampled), metric(tables)[None], atol=1e-6)


def test_no_samples_is_nan_everywhere():
    assert np.isnan([metric(np.zeros((4, 5), int)) for metric in METRICS]).all()


def test_a_label_that_does_not_occur_has_no_ratio_and_makes_the_divergence_infinite():
    table = confusion_table([0, 0, 1], [0, 3, 3], 4)
    assert np.isnan(over_prediction(table, 3))
    assert kl_to_gold(table) == np.inf
    assert kl_to_gold(confusion_table([0, 1, 3], [3, 3, 3], 4)) == pytest.approx(np.log(3))


def test_one_answer_for_all_is_the_least_entropy_and_an_even_hand_the_most():
    gold = np.repeat(np.arange(4), 5)
    collapsed, even = confusion_table(gold, [2] * 20, 4), confusion_table(gold, np.roll(gold, 5), 4)
    assert normalised_entropy(collapsed) == 0
    assert effective_classes(collapsed) == 1
    assert normalised_entropy(even) == pytest.approx(1)
    assert np.isnan(normalised_entropy(np.array([[3, 0]])))  # one label leaves nothing to choose
    assert over_prediction(collapsed, 2) == 4


def test_the_gap_is_negative_where_only_the_frequent_label_comes_out():
    table = confusion_table([0] * 90 + [1] * 10, [0] * 100, 2)
    assert uar_war_gap(table) == pytest.approx(0.5 - 0.9)


@pytest.mark.parametrize(("d_prime", "criterion"), [(0.0, -1.0), (1.5, 0.0), (1.5, -0.8)])
def test_planted_sensitivity_and_criterion_are_recovered(d_prime, criterion):
    """An observer with normal evidence: blind but eager, seeing and fair, seeing and eager."""
    rng = np.random.default_rng(0)
    gold = (rng.random(40_000) < 0.2).astype(int)
    evidence = rng.normal(size=len(gold)) + np.where(gold == 1, d_prime / 2, -d_prime / 2)
    found = detection(confusion_table(gold, (evidence > criterion).astype(int), 2), 1)
    assert found == pytest.approx((d_prime, criterion), abs=0.06)


def test_invalid_answers_are_no_answers_of_the_label():
    full = detection(confusion_table([1, 1, 0, 0], [1, 0, 0, 0], 2), 1)
    assert detection(confusion_table([1, 1, 0, 0], [1, -1, 0, -1], 2), 1) == full
