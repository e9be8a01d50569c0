"""Intervals and tests of rates, pairs and families, against scipy and statsmodels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    proportions_ztest,
)

from harness.errors import UsageError
from harness.statistics import (
    clopper_pearson,
    compare_proportions,
    holm,
    mcnemar,
    wilson,
)

alphas = st.sampled_from([0.01, 0.05, 0.2])
counts = st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(deadline=None)
@given(counts, alphas)
def test_intervals_equal_statsmodels(count, alpha):
    for interval, method in ((wilson, "wilson"), (clopper_pearson, "beta")):
        ours = interval(*count, alpha)
        expected = proportion_confint(*count, alpha=alpha, method=method)
        assert (ours.low, ours.high) == pytest.approx(expected, abs=1e-9)
        assert 0 <= ours.low <= count[0] / count[1] <= ours.high <= 1


def test_published_rates_need_not_be_whole_counts():
    low, high = wilson(0.6407 * 7178, 7178).low, wilson(0.6407 * 7178, 7178).high
    assert (low, high) == pytest.approx((0.6295, 0.6517), abs=1e-4)


@settings(deadline=None)
@given(counts, counts, alphas)
def test_comparison_equals_statsmodels(first, second, alpha):
    estimate, p_value = compare_proportions(*first, *second, alpha)
    low, high = confint_proportions_2indep(*first, *second, method="newcomb", compare="diff", alpha=alpha)
    assert estimate.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-9)
    if 0 < first[0] + second[0] < first[1] + second[1]:
        expected = proportions_ztest([first[0], second[0]], [first[1], second[1]])[1]
        assert p_value == pytest.approx(expected, abs=1e-12)
    else:
        assert p_value == 1


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_exact_test_less_half_the_observed_outcome(only_a, only_b):
    p_value = mcnemar(only_a, only_b)
    n = only_a + only_b
    expected = binomtest(only_a, n).pvalue - binom.pmf(only_a, n, 0.5) if n and only_a != only_b else 1
    assert p_value == pytest.approx(expected)
    assert p_value == mcnemar(only_b, only_a)


@pytest.mark.parametrize("discordant", [6, 25, 200])
def test_mcnemar_rejects_no_more_often_than_it_says(discordant):
    """Exactly, not by simulation: the chance of a p-value at or below alpha when both systems are equal."""
    chances = binom.pmf(np.arange(discordant + 1), discordant, 0.5)
    p_values = np.array([mcnemar(only_a, discordant - only_a) for only_a in range(discordant + 1)])
    assert 0.015 <= chances[p_values <= 0.05].sum() <= 0.06


def test_mcnemar_survives_extremes():
    assert mcnemar(0, 0) == 1
    assert mcnemar(3, 0) == pytest.approx(0.125)
    assert 0 <= mcnemar(20_000, 5_000) < 1e-300
    assert mcnemar(50_000, 50_000) == 1


p_lists = st.lists(st.none() | st.just(float("nan")) | st.floats(0, 1), max_size=12)


@settings(max_examples=20, deadline=None)  # statsmodels takes 25 ms for Holm
@given(p_lists)
def test_holm_equals_statsmodels_over_the_tests_made(p_values):
    made = [p is not None and not np.isnan(p) for p in p_values]
    known = [p for p, was_made in zip(p_values, made, strict=True) if was_made]
    adjusted = holm(p_values)
    assert [p is not None for p in adjusted] == made
    expected = multipletests(known, method="holm")[1] if known else []
    np.testing.assert_allclose([p for p in adjusted if p is not None], expected)


@pytest.mark.parametrize(
    ("call", "cause"),
    [
        (lambda: wilson(6, 5), "but got 6 of 5"),
        (lambda: wilson(0, 0), "but got 0 of 0"),
        (lambda: clopper_pearson(-1, 5), "but got -1 of 5"),
        (lambda: wilson(1, 5, alpha=5), "`alpha`"),
        (lambda: compare_proportions(1, 2, 3, 2), "successes_2"),
        (lambda: mcnemar(-1, 2), "at least 0"),
        (lambda: holm([0.5, 1.5]), "between 0 and 1"),
    ],
)
def test_says_what_is_wrong(call, cause):
    with pytest.raises(UsageError, match=cause):
        call()
