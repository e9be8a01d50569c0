"""Means of bounded quantities: exact where an exact interval exists, and never too sure elsewhere."""

from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import binom, multinomial
from scipy.stats import f as f_distribution

from harness.errors import UsageError
from harness.statistics import bootstrap_sums, bounded_mean, clopper_pearson
from harness.statistics.bounded import chance_not_negative

counts = st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
samples = st.lists(st.integers(-8, 8).map(lambda v: v / 8), min_size=1, max_size=25)


def ends(values, low: float, high: float, **options) -> np.ndarray:
    mean = bounded_mean(values, low=low, high=high, **options)
    return np.array([mean.low, mean.value, mean.high])


@settings(max_examples=40, deadline=None)
@given(counts, st.sampled_from([0.01, 0.05, 0.3]), st.floats(0.001, 0.999))
def test_zeros_and_ones_get_the_exact_binomial_interval_and_test(count, alpha, threshold):
    k, n = count
    mean = bounded_mean([1] * k + [0] * (n - k), low=0, high=1, alpha=alpha)
    exact = clopper_pearson(k, n, alpha)
    assert (mean.low, mean.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert mean.value == pytest.approx(k / n)
    tails = binom.sf(k - 1, n, threshold), binom.cdf(k, n, threshold)
    assert mean.p_value(threshold) == pytest.approx(min(1, 2 * min(tails)), rel=1e-6, abs=1e-9)


def test_tails_keep_their_relative_precision():
    mean = bounded_mean([1] * 40 + [0] * 960, low=0, high=1)
    assert mean.p_value(0.5) == pytest.approx(2 * binom.cdf(40, 1000, 0.5), rel=1e-8)
    assert 0 < mean.p_value(0.5) < 1e-200


def test_what_was_never_seen_is_not_taken_for_impossible():
    never = np.zeros(500)
    mean = bounded_mean(never, low=0, high=1)
    resampled = bootstrap_sums(np.stack([never, np.ones(500)], axis=1), lambda sums: sums[:, 0] / sums[:, 1])
    assert (resampled.low, resampled.high) == (0, 0)
    assert (mean.low, mean.high) == (0, pytest.approx(1 - 0.025 ** (1 / 500)))
    assert mean.p_value(0.005) > 0.05 > mean.p_value(0.0075)


@pytest.mark.parametrize("grouped", [False, True])
def test_the_ends_are_quantiles_of_randomly_weighted_means(grouped):
    """Drawn here as the definition says, with one more group at the bound."""
    rng = np.random.default_rng(0)
    values = rng.choice([-1, -0.25, 0, 1], 60, p=[0.05, 0.2, 0.7, 0.05])
    groups = np.sort(rng.integers(0, 25, 60)) if grouped else np.arange(60)
    members = (groups == np.unique(groups)[:, None]).astype(float)
    totals, sizes = members @ values, members.sum(axis=1)
    extra = (sizes**2).sum() / sizes.sum()
    weights = rng.standard_exponential((200_000, len(sizes) + 1))
    for bound, level, end in ((-1, 0.05, 0), (1, 0.95, 2)):
        means = weights @ np.append(totals, bound * extra) / (weights @ np.append(sizes, extra))
        ours = ends(values, -1, 1, groups=groups, alpha=0.1)[end]
        assert (means <= ours).mean() == pytest.approx(level, abs=0.0025)  # five standard errors


@pytest.mark.parametrize("alpha", [0.05, 0.3])
def test_three_values_are_covered_exactly_as_often_as_said(alpha):
    """Over every sample of 12 that there is, for rare and frequent values; each side on its own."""
    n, outcomes = 12, [(a, b, 12 - a - b) for a, b in product(range(13), repeat=2) if a + b <= 12]
    intervals = [ends(np.repeat([-1.0, 0.0, 1.0], c), -1, 1, alpha=alpha) for c in outcomes]
    for p in ([0.02, 0.97, 0.01], [0.3, 0.4, 0.3], [0.5, 0, 0.5], [0.9, 0.05, 0.05], [0.1, 0.1, 0.8]):
        truth, chances = p[2] - p[0], multinomial.pmf(outcomes, n, p)
        assert sum(c for c, (low, _, _) in zip(chances, intervals, strict=True) if truth < low) <= alpha / 2
        assert sum(c for c, (_, _, high) in zip(chances, intervals, strict=True) if truth > high) <= alpha / 2


@pytest.mark.parametrize(("a", "b"), [(0.2, 2.0), (5.0, 0.5), (0.1, 0.1)])
def test_continuous_quantities_are_rejected_no_more_often_than_alpha(a, b):
    rng, runs = np.random.default_rng(1), 100
    rejected = [
        bounded_mean(rng.beta(a, b, 15), low=0, high=1).p_value(a / (a + b)) < 0.2 for _ in range(runs)
    ]
    assert sum(rejected) <= binom.ppf(0.999, runs, 0.2)


def test_groups_of_unequal_size_are_covered():
    rng, runs, mean = np.random.default_rng(2), 120, 0.3
    low = high = alone = 0
    for _ in range(runs):
        groups = np.repeat(np.arange(30), rng.choice([1, 1, 1, 1, 20], 30))
        values = rng.random(len(groups)) < rng.beta(0.1, 0.1 * (1 - mean) / mean, 30)[groups]
        ours = ends(values, 0, 1, groups=groups, alpha=0.2)
        low, high = low + (mean < ours[0]), high + (mean > ours[2])
        ignoring = ends(values, 0, 1, alpha=0.2)
        alone += mean < ignoring[0] or mean > ignoring[2]
    assert max(low, high) <= binom.ppf(0.999, runs, 0.1)
    assert alone > 0.4 * runs  # the control: taken for independent, the same samples are far too sure


def test_large_samples_get_the_interval_of_the_normal_distribution():
    values = np.random.default_rng(3).choice([-1, 0, 0.5, 1], 7178, p=[0.1, 0.5, 0.2, 0.2])
    low, mean, high = ends(values, -1, 1)
    half = 1.959964 * values.std() / 7178**0.5
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.02 * half)


@settings(max_examples=25, deadline=None)
@given(samples, st.floats(-1, 1), st.sampled_from([0.02, 0.05, 0.5]))
def test_p_values_fall_below_alpha_just_outside_the_interval(values, threshold, alpha):
    mean = bounded_mean(values, low=-1, high=1, alpha=alpha)
    assert -1 <= mean.low <= mean.value <= mean.high <= 1
    assert mean.low < mean.high
    if min(abs(threshold - mean.low), abs(threshold - mean.high)) > 1e-9:
        assert (mean.p_value(threshold) < alpha) == (not mean.low < threshold < mean.high)


@settings(max_examples=25, deadline=None)
@given(samples, st.randoms(use_true_random=False), st.data())
def test_ends_follow_the_values(values, random, data):
    ours = ends(values, -1, 1)
    shuffled = random.sample(values, len(values))
    np.testing.assert_allclose(ends(shuffled, -1, 1), ours, atol=1e-9)
    np.testing.assert_allclose(-ends([-v for v in values], -1, 1)[::-1], ours, atol=1e-9)
    np.testing.assert_allclose(ends([3 * v + 5 for v in values], 2, 8), 3 * ours + 5, atol=1e-8)
    raised = [data.draw(st.floats(v, 1)) for v in values]
    assert (ends(raised, -1, 1) >= ours - 1e-9).all()
    wider = ends(values, -2, 3)
    assert wider[0] <= ours[0] + 1e-9
    assert ours[2] <= wider[2] + 1e-9


@settings(max_examples=25, deadline=None)
@given(samples, st.integers(2, 5))
def test_a_group_of_copies_is_worth_one_sample(values, copies):
    groups = np.repeat(np.arange(len(values)), copies)
    np.testing.assert_allclose(
        ends(np.repeat(values, copies), -1, 1, groups=groups), ends(values, -1, 1), atol=1e-9
    )


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.floats(1e-6, 1e6))
@example(2, 568, 1e-4)  # so near to 1 that only its complement can be integrated
def test_two_gamma_sums_compare_as_the_beta_distribution_says(a, b, factor):
    exact = betainc(b, a, 1 / (1 + factor))  # P(factor * G_a <= ... ) written as a beta variable
    ours = chance_not_negative(np.array([1.0, -factor]), np.array([float(a), float(b)]))
    assert ours == pytest.approx(exact, rel=1e-7, abs=1e-9)
    assert f_distribution.sf(factor * b / a, 2 * a, 2 * b) == pytest.approx(exact, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("n", "factor"), [(1, 1e-9), (400, 0.03), (10**5, 1e-3), (10**6, 1e-3)])
def test_both_tails_are_right_far_from_the_middle(n, factor):
    """An exponential variable exceeds factor * gamma(n) with probability (1 + factor) ** -n."""
    exceeds = np.array([1.0, -factor]), np.array([1.0, float(n)])
    assert chance_not_negative(*exceeds) == pytest.approx(np.exp(-n * np.log1p(factor)), rel=1e-8)
    assert chance_not_negative(-exceeds[0], exceeds[1]) == pytest.approx(-np.expm1(-n * np.log1p(factor)))


def test_factors_of_very_different_size_add_up():
    rng = np.random.default_rng(4)
    for _ in range(10):
        factors = rng.normal(size=6) * 10.0 ** rng.uniform(-5, 0, 6) + np.array([1e-3, -1e-3, 0, 0, 0, 0])
        shapes = np.floor(10.0 ** rng.uniform(0, 3, 6))
        drawn = (rng.standard_gamma(shapes, (40_000, 6)) @ factors >= 0).mean()
        assert chance_not_negative(factors, shapes) == pytest.approx(drawn, abs=0.0125)  # five errors


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"values": []}, r"shape \(0,\)"),
        ({"values": [[0.5]]}, r"shape \(1, 1\)"),
        ({"values": [0.5, 1.1]}, "from 0 to 1, but got 0.5 to 1.1"),
        ({"values": [0.5, float("nan")]}, "but got nan to nan"),
        ({"values": [0.5], "groups": ["a", "b"]}, "one group per sample"),
        ({"values": [0.5], "alpha": 1.0}, "`alpha`"),
    ],
)
def test_says_what_is_wrong(options, cause):
    with pytest.raises(UsageError, match=cause):
        bounded_mean(**{"low": 0, "high": 1, **options})


def test_rounding_beyond_a_bound_is_mended():
    assert bounded_mean([1 + 1e-13, -1e-13], low=0, high=1).value == pytest.approx(0.5)
