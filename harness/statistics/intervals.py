"""Confidence intervals of one rate."""

from __future__ import annotations

from statistics import NormalDist

from harness.statistics.estimate import Interval, check_count, check_probability


def wilson(successes: float, n: float, alpha: float = 0.05) -> Interval:
    """Wilson score interval of a rate (JASA 22, 1927): the default for independent samples.

    Args:
        successes: How many succeeded; need not be whole, so that a rounded published rate times n will do.
        n: How many tried.
        alpha: One minus the confidence level.

    Raises:
        UsageError: `successes` is not in [0, n], n is not positive or alpha not in (0, 1).
    """
    check_count("successes", successes, n)
    check_probability("alpha", alpha)
    z = NormalDist().inv_cdf(1 - alpha / 2)
    rate = successes / n
    centre = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (rate * (1 - rate) / n + z**2 / (4 * n**2)) ** 0.5
    # The ends at 0 and n successes are exactly 0 and 1; rounding must not move the rate out of its interval.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(low, high)


def clopper_pearson(successes: int, n: int, alpha: float = 0.05) -> Interval:
    """Clopper-Pearson exact interval of a rate (Biometrika 26, 1934): never too short, often too long.

    Raises:
        UsageError: `successes` is not in [0, n], n is not positive or alpha not in (0, 1).
    """
    from scipy.special import betaincinv

    check_count("successes", successes, n)
    check_probability("alpha", alpha)
    failures = n - successes
    low = 0.0 if successes == 0 else float(betaincinv(successes, failures + 1, alpha / 2))
    high = 1.0 if failures == 0 else float(betaincinv(successes + 1, failures, 1 - alpha / 2))
    return Interval(low, high)
