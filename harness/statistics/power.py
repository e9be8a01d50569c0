"""How many samples a comparison needs, and what a given number of samples can detect.

All for two-sided tests, by normal approximation. `alpha` is the level of the single test: in a Holm family
of m tests, the smallest p-value faces alpha / m.
"""

from __future__ import annotations

from bisect import bisect_left
from math import ceil, sqrt
from statistics import NormalDist

from harness.errors import UsageError
from harness.statistics.estimate import check_probability

_MOST = 10**12  # samples; nobody has more
_STEPS = 10**6  # detectable differences are found to one in a million


def needed_n(difference: float, discordance: float, *, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """Pairs that McNemar's test needs to detect a difference of two accuracies.

    At the defaults about 7.84 discordance / difference**2: 2 points at a discordance of 0.20 take some
    3,920. Source: Connor, Biometrics 43, 1987.

    Args:
        difference: Accuracy of A minus accuracy of B.
        discordance: Share of samples that just one of them gets right. It cannot be smaller than the
            difference, and is raised to it where it is.
        alpha: Level of the test.
        power: Chance to detect the difference.

    Returns:
        Samples, or None when there is no difference to detect.

    Raises:
        UsageError: An argument is not a proportion.
    """
    size = abs(difference)
    _check_proportions(difference=size, discordance=discordance)
    pairs = _pairs(size, discordance, *_deviates(alpha, power)) if size > 0 else _MOST
    return ceil(pairs) if pairs < _MOST else None


def minimum_detectable_difference(
    n: int, discordance: float, *, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """The smallest difference of two accuracies that McNemar's test detects on n pairs.

    The inverse of `needed_n`, with the same arguments and errors; None when n is too small for any.
    """
    _check_proportions(discordance=discordance)
    deviates = _deviates(alpha, power)
    steps = range(1, _STEPS + 1)
    found = bisect_left(steps, True, key=lambda step: _pairs(step / _STEPS, discordance, *deviates) <= n)
    return steps[found] / _STEPS if found < _STEPS else None


def needed_n_unpaired(
    rate_1: float, rate_2: float, *, n_2: int | None = None, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """Samples that the two-proportion test needs on the first side.

    Source: Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions, 2003, chapter 4.

    Args:
        rate_1: Expected rate of the first side.
        rate_2: Expected rate of the second side.
        n_2: Samples of the second side where they are given, such as those of a published number; None
            means as many as on the first.
        alpha: Level of the test.
        power: Chance to detect the difference.

    Returns:
        Samples, or None when no number will do: the rates are equal, or n_2 alone is too small.

    Raises:
        UsageError: An argument is not a proportion.
    """
    _check_proportions(rate_1=rate_1, rate_2=rate_2)
    deviates = _deviates(alpha, power)
    sizes = range(1, _MOST)
    found = bisect_left(sizes, True, key=lambda n: _detects(rate_1, n, rate_2, n_2 or n, *deviates))
    return sizes[found] if found < len(sizes) else None


def minimum_detectable_difference_unpaired(
    n: int, rate: float, *, n_2: int | None = None, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """The smallest difference from a rate that the two-proportion test detects.

    The inverse of `needed_n_unpaired` for a second rate towards one half, where it is hardest to detect.

    Args:
        n: Samples on the side of `rate`.
        rate: Expected rate of one side.
        n_2: Samples on the other side; None means as many.
        alpha: Level of the test.
        power: Chance to detect the difference.

    Returns:
        A difference of rates, or None when the samples are too few for any.

    Raises:
        UsageError: An argument is not a proportion.
    """
    _check_proportions(rate=rate)
    deviates = _deviates(alpha, power)
    furthest, direction = (1 - rate, 1) if rate < 0.5 else (rate, -1)
    steps = range(1, int(furthest * _STEPS) + 1)
    found = bisect_left(
        steps, True, key=lambda step: _detects(rate, n, rate + direction * step / _STEPS, n_2 or n, *deviates)
    )
    return steps[found] / _STEPS if found < len(steps) else None


def _pairs(size: float, discordance: float, z_alpha: float, z_power: float) -> float:
    """Pairs at which a difference of this size lies z_alpha + z_power deviations away from none."""
    share = max(discordance, size)
    return ((z_alpha * sqrt(share) + z_power * sqrt(share - size**2)) / size) ** 2


def _detects(rate_1: float, n_1: int, rate_2: float, n_2: int, z_alpha: float, z_power: float) -> bool:
    """Whether the difference outweighs z_alpha deviations under no difference plus z_power under this one."""
    pooled = (rate_1 * n_1 + rate_2 * n_2) / (n_1 + n_2)
    under_none = sqrt(pooled * (1 - pooled) * (1 / n_1 + 1 / n_2))
    under_this = sqrt(rate_1 * (1 - rate_1) / n_1 + rate_2 * (1 - rate_2) / n_2)
    return z_alpha * under_none + z_power * under_this < abs(rate_1 - rate_2)


def _deviates(alpha: float, power: float) -> tuple[float, float]:
    check_probability("alpha", alpha)
    check_probability("power", power)
    return NormalDist().inv_cdf(1 - alpha / 2), NormalDist().inv_cdf(power)


def _check_proportions(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise UsageError(
                f"Expected argument `{name}` to be a proportion from 0 to 1, but got {value}. "
                "Write 2 points as 0.02."
            )
