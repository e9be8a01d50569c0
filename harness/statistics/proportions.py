"""Two systems on different samples, or of which only counts are known."""

from __future__ import annotations

from statistics import NormalDist

from harness.statistics.estimate import Estimate, check_count
from harness.statistics.intervals import wilson


def compare_proportions(
    successes_1: float, n_1: float, successes_2: float, n_2: float, alpha: float = 0.05
) -> tuple[Estimate, float]:
    """Compares the rates of two independent samples.

    Applied to two systems on the same samples it is conservative as long as they tend to be right on
    the same ones: it cannot use that agreement, so its interval is wider than that of a paired test.

    Args:
        successes_1: How many succeeded in the first sample; need not be whole.
        n_1: How many there are.
        successes_2: The same of the second sample.
        n_2: The same of the second sample.
        alpha: One minus the confidence level.

    Returns:
        The difference, first minus second, with Newcombe's hybrid score interval (method 10; Statistics
        in Medicine 17, 1998), and the two-sided p-value of the score test (pooled z).

    Raises:
        UsageError: A count is not in [0, n], an n is not positive or alpha not in (0, 1).
    """
    check_count("successes_1", successes_1, n_1)
    check_count("successes_2", successes_2, n_2)
    rate_1, rate_2 = successes_1 / n_1, successes_2 / n_2
    first, second = wilson(successes_1, n_1, alpha), wilson(successes_2, n_2, alpha)
    difference = rate_1 - rate_2
    low = difference - ((rate_1 - first.low) ** 2 + (second.high - rate_2) ** 2) ** 0.5
    high = difference + ((first.high - rate_1) ** 2 + (rate_2 - second.low) ** 2) ** 0.5
    pooled = (successes_1 + successes_2) / (n_1 + n_2)
    deviation = (pooled * (1 - pooled) * (1 / n_1 + 1 / n_2)) ** 0.5
    p_value = 2 * NormalDist().cdf(-abs(difference) / deviation) if deviation > 0 else 1.0
    return Estimate(difference, low, high), p_value
