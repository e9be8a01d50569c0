"""Can a published number be what it says it is?"""

from __future__ import annotations

from harness.errors import UsageError


def grim(value: float, n: int, decimals: int) -> bool:
    """Whether a rate rounded to so many decimals can be k / n for a whole k.

    A half may be rounded either way. Source: Brown & Heathers, Social Psychological and Personality
    Science 8, 2017.

    >>> grim(0.8644, 3589, decimals=4), grim(0.8644, 7178, decimals=4)
    (False, True)

    Args:
        value: Reported rate in [0, 1]; 86.44 % is 0.8644, with 4 decimals.
        n: Samples that the rate is over.
        decimals: Decimals of `value` as reported, trailing zeros included.

    Raises:
        UsageError: The value is not in [0, 1] or has more decimals than stated; n or decimals is too small.
    """
    if n < 1 or decimals < 0:
        raise UsageError(
            f"Expected argument `n` to be at least 1 and `decimals` at least 0, but got {n} and {decimals}. "
            "Take both from the publication."
        )
    scale: int = 10**decimals
    units = round(value * scale)
    if not 0 <= value <= 1 or abs(value * scale - units) > 1e-6:
        raise UsageError(
            f"Expected argument `value` to be a rate from 0 to 1 with {decimals} decimals, but got {value}. "
            "Divide percentages by 100 and count two more decimals."
        )
    # k / n rounds to units / scale when n (2 units - 1) <= 2 k scale <= n (2 units + 1), in whole numbers.
    lowest = max(0, -(-n * (2 * units - 1) // (2 * scale)))
    highest = min(n, n * (2 * units + 1) // (2 * scale))
    return lowest <= highest
