import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm
from statsmodels.stats.proportion import tost_proportions_2indep

from harness.errors import UsageError
from harness.statistics import Estimate, tost, tost_paired, tost_proportions, wilson

margins = st.sampled_from([0.02, 0.05, 0.1, 0.3])


def tango_by_search(only_a: int, only_b: int, n: int, null: float) -> float:
    """The score of the paired difference, its nuisance parameter found by maximising the likelihood."""

    def minus_log_likelihood(q: float) -> float:
        terms = ((only_a, q + null), (only_b, q), (n - only_a - only_b, 1 - 2 * q - null))
        return -sum(count * np.log(max(share, 1e-300)) for count, share in terms if count)

    bounds = (max(0.0, -null), (1 - null) / 2)
    q = minimize_scalar(minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    return (only_a - only_b - n * null) / np.sqrt(n * (2 * q + null - null**2))


def farrington_manning_by_search(
    successes_1: int, n_1: int, successes_2: int, n_2: int, null: float
) -> float:
    """The same for two samples; both counts inside (0, n)."""

    def minus_log_likelihood(p: float) -> float:
        first = successes_1 * np.log(p) + (n_1 - successes_1) * np.log(1 - p)
        return -first - successes_2 * np.log(p - null) - (n_2 - successes_2) * np.log(1 - p + null)

    bounds = (max(0.0, null) + 1e-9, min(1.0, 1 + null) - 1e-9)
    p = minimize_scalar(minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    variance = p * (1 - p) / n_1 + (p - null) * (1 - p + null) / n_2
    return (successes_1 / n_1 - successes_2 / n_2 - null) / np.sqrt(variance)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 300), margins)
def test_paired_equals_a_search_for_the_likeliest_null(only_a, only_b, neither, margin):
    n = only_a + only_b + neither
    lower, upper = (tango_by_search(only_a, only_b, n, null) for null in (-margin, margin))
    expected = max(norm.sf(lower), norm.cdf(upper))
    assert tost_paired(only_a, only_b, n, margin).p_value == pytest.approx(expected, abs=1e-4)


@settings(deadline=None)
@given(st.integers(2, 500), st.integers(2, 500), st.floats(0, 1), st.floats(0, 1), margins)
def test_proportions_equal_a_search_for_the_likeliest_null(n_1, n_2, rate_1, rate_2, margin):
    successes_1, successes_2 = 1 + round(rate_1 * (n_1 - 2)), 1 + round(rate_2 * (n_2 - 2))
    counts = successes_1, n_1, successes_2, n_2
    lower, upper = (farrington_manning_by_search(*counts, null) for null in (-margin, margin))
    expected = max(norm.sf(lower), norm.cdf(upper))
    assert tost_proportions(*counts, margin).p_value == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("counts", [(30, 100, 50, 120), (640, 1_000, 655, 1_000), (4, 9, 8, 11)])
def test_proportions_agree_with_statsmodels(counts):
    options = {"method": "score", "compare": "diff", "correction": False}
    expected = tost_proportions_2indep(*counts, -0.05, 0.05, **options)
    assert tost_proportions(*counts, 0.05).p_value == pytest.approx(float(np.max(expected.pvalue)), abs=1e-3)


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.booleans(), st.booleans(), margins)
def test_proportions_take_rates_of_zero_and_one(n_1, n_2, all_1, all_2, margin):
    result = tost_proportions(all_1 * n_1, n_1, all_2 * n_2, n_2, margin)
    assert 0 <= result.p_value <= 1
    assert not (result.equivalent and all_1 != all_2)


@settings(deadline=None)
@given(st.integers(0, 80), st.integers(0, 80), st.integers(160, 4_000), margins)
def test_unpaired_and_paired_do_not_depend_on_who_is_first(only_a, only_b, n, margin):
    assert tost_paired(only_a, only_b, n, margin).p_value == pytest.approx(
        tost_paired(only_b, only_a, n, margin).p_value
    )
    assert tost_proportions(only_a, n, only_b, n, margin).p_value == pytest.approx(
        tost_proportions(only_b, n, only_a, n, margin).p_value, abs=1e-9
    )


def test_at_the_margin_it_errs_no_more_often_than_it_says():
    """True difference 5 points, margin 5 points: "equivalent" is wrong and must be rare."""
    draws = np.random.default_rng(0).multinomial(600, [0.15, 0.10, 0.75], size=2_000)
    wrong = np.mean([tost_paired(int(a), int(b), 600, 0.05).equivalent for a, b, _ in draws])
    assert 0.03 <= wrong <= 0.065


def test_equal_systems_on_many_samples_are_equivalent_and_on_few_are_not():
    assert tost_paired(200, 200, 7178, margin=0.02).equivalent
    assert not tost_paired(2, 2, 70, margin=0.02).equivalent


def test_estimates_are_judged_by_their_interval():
    interval = wilson(500, 1000)
    half = (interval.high - interval.low) / 2
    near = Estimate(0.001, 0.001 - half, 0.001 + half)
    assert tost(near, margin=0.05).p_value == pytest.approx(norm.sf(0.049 / (half / norm.ppf(0.975))))
    assert tost(near, margin=0.05).equivalent
    assert not tost(near, margin=0.02).equivalent
    assert tost(Estimate(0, 0, 0), margin=0.02).p_value == 0
    assert tost(Estimate(0.1, 0.1, 0.1), margin=0.02).p_value == 1


@pytest.mark.parametrize(
    ("call", "cause"),
    [
        (lambda: tost(Estimate(0, -1, 1), margin=0), "`margin`"),
        (lambda: tost_paired(3, 3, 5, margin=0.1), "but got 6 of 5"),
        (lambda: tost_proportions(3, 2, 1, 2, margin=0.1), "successes_1"),
        (lambda: tost_paired(1, 1, 5, margin=0.1, alpha=1), "`alpha`"),
    ],
)
def test_says_what_is_wrong(call, cause):
    with pytest.raises(UsageError, match=cause):
        call()
