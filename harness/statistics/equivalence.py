"""Two one-sided tests (TOST): is a difference small enough not to matter?

A comparison that finds no difference does not show that there is none. These tests do: they reject
"the difference is at least the margin, one way or the other". Schuirmann, J. Pharmacokinetics and
Biopharmaceutics 15, 1987.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, copysign, cos, inf, pi
from statistics import NormalDist

from harness.errors import UsageError
from harness.statistics.estimate import Estimate, check_count, check_probability


@dataclass(frozen=True)
class Equivalence:
    """The larger of the two one-sided p-values, and whether it is below alpha."""

    p_value: float
    equivalent: bool


def tost(estimate: Estimate, margin: float, *, alpha: float = 0.05) -> Equivalence:
    """Tests any difference whose bootstrap distribution is close to normal, such as one of macro-F1.

    Args:
        estimate: The difference with its interval at confidence 1 - alpha (the default of every interval
            here), the width of which gives the standard error.
        margin: The smallest difference that would matter, in the same unit.
        alpha: Level of the test and of the interval.

    Raises:
        UsageError: The margin is not positive or alpha is not in (0, 1).
    """
    _check(margin, alpha)
    deviation = (estimate.high - estimate.low) / (2 * NormalDist().inv_cdf(1 - alpha / 2))
    above, below = estimate.value + margin, estimate.value - margin
    if deviation == 0:
        return _equivalence(copysign(inf, above), copysign(inf, below), alpha)
    return _equivalence(above / deviation, below / deviation, alpha)


def tost_paired(only_a: int, only_b: int, n: int, margin: float, *, alpha: float = 0.05) -> Equivalence:
    """Tests two accuracies on the same independent samples, by Tango's score test.

    Source: Tango, Statistics in Medicine 17, 1998.

    Args:
        only_a: Samples that the first system alone gets right.
        only_b: Samples that the second system alone gets right.
        n: All samples.
        margin: The smallest difference of accuracies that would matter, such as 0.02.
        alpha: Level of the test.

    Raises:
        UsageError: More pairs differ than there are, the margin is not in (0, 1) or alpha not in (0, 1).
    """
    _check(margin, alpha)
    check_count("only_a + only_b", only_a + only_b, n)
    lower, upper = (_tango(only_a, only_b, n, null) for null in (-margin, margin))
    return _equivalence(lower, upper, alpha)


def tost_proportions(
    successes_1: float, n_1: float, successes_2: float, n_2: float, margin: float, *, alpha: float = 0.05
) -> Equivalence:
    """Tests the rates of two independent samples, by Farrington and Manning's score test.

    Source: Statistics in Medicine 9, 1990.

    Args:
        successes_1: How many succeeded in the first sample.
        n_1: How many there are.
        successes_2: The same of the second sample.
        n_2: The same of the second sample.
        margin: The smallest difference of rates that would matter, such as 0.02.
        alpha: Level of the test.

    Raises:
        UsageError: A count is not in [0, n], the margin not in (0, 1) or alpha not in (0, 1).
    """
    _check(margin, alpha)
    check_count("successes_1", successes_1, n_1)
    check_count("successes_2", successes_2, n_2)
    rates = successes_1 / n_1, n_1, successes_2 / n_2, n_2
    lower, upper = (_farrington_manning(*rates, null) for null in (-margin, margin))
    return _equivalence(lower, upper, alpha)


def _equivalence(above_lower: float, below_upper: float, alpha: float) -> Equivalence:
    """From the deviations of the observed difference from minus and from plus the margin."""
    normal = NormalDist()
    p_value = max(normal.cdf(-above_lower), normal.cdf(below_upper))
    return Equivalence(p_value, p_value < alpha)


def _tango(only_a: int, only_b: int, n: int, null: float) -> float:
    """Score of the paired difference against `null`.

    The probability that only B is right is at its most likely value under the null: the larger root of
    2 n q^2 + linear q - only_b null (1 - null).
    """
    linear = (2 * n - only_a + only_b) * null - only_a - only_b
    root = (linear**2 + 8 * n * only_b * null * (1 - null)) ** 0.5
    only_b_share = (root - linear) / (4 * n)
    variance = n * (2 * only_b_share + null * (1 - null))
    return float((only_a - only_b - n * null) / variance**0.5)


def _farrington_manning(rate_1: float, n_1: float, rate_2: float, n_2: float, null: float) -> float:
    """Score of the difference of two rates against `null`.

    The first rate is at its most likely value under the null: the middle root of a cubic, by cosines
    (appendix 1 of the paper, with its names).
    """
    theta = n_2 / n_1
    a = 1 + theta
    b = -(1 + theta + rate_1 + theta * rate_2 + null * (theta + 2))
    c = null**2 + null * (2 * rate_1 + theta + 1) + rate_1 + theta * rate_2
    d = -rate_1 * null * (1 + null)
    v = b**3 / (3 * a) ** 3 - b * c / (6 * a**2) + d / (2 * a)
    u = copysign(max(0.0, b**2 / (3 * a) ** 2 - c / (3 * a)) ** 0.5, v)
    w = (pi + acos(max(-1.0, min(1.0, v / u**3)))) / 3 if u else pi / 2
    likely_1 = 2 * u * cos(w) - b / (3 * a)
    likely_2 = likely_1 - null
    variance = likely_1 * (1 - likely_1) / n_1 + likely_2 * (1 - likely_2) / n_2
    return float((rate_1 - rate_2 - null) / variance**0.5)


def _check(margin: float, alpha: float) -> None:
    check_probability("alpha", alpha)
    if not 0 < margin < 1:
        raise UsageError(
            f"Expected argument `margin` to be larger than 0 and smaller than 1, but got {margin}. "
            "Give the smallest difference that would matter, such as 0.02 for 2 points."
        )
