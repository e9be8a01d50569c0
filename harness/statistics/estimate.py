"""What a statistic returns: an interval, or an estimate with its interval."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import UsageError


@dataclass(frozen=True)
class Interval:
    """A confidence interval, both ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A value and the confidence interval around it; nan where undefined."""

    value: float
    low: float
    high: float


def check_probability(name: str, value: float) -> None:
    """Refuses a level, such as alpha or power, outside the open interval (0, 1).

    Raises:
        UsageError: It is outside.
    """
    if not 0 < value < 1:
        raise UsageError(
            f"Expected argument `{name}` to be larger than 0 and smaller than 1, but got {value}. "
            "Write 5 % as 0.05."
        )


def check_count(name: str, successes: float, n: float) -> None:
    """Refuses a count of successes that n trials cannot have.

    Raises:
        UsageError: n is not positive or the count lies outside [0, n].
    """
    if n <= 0 or not 0 <= successes <= n:
        raise UsageError(
            f"Expected argument `{name}` to count successes among one or more trials, but got {successes} "
            f"of {n}. Pass counts, not rates."
        )
