"""Two systems on the same samples."""

from __future__ import annotations

import numpy as np

from harness.errors import UsageError


def mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided p-value of McNemar's test, exact with the mid-p correction.

    The mid-p keeps the error rate nearer to alpha than the exact conditional test, whose discreteness
    wastes power (Fagerland, Lydersen & Laake, BMC Medical Research Methodology 13, 2013). Samples must be
    independent: where groups make them dependent, use `paired_permutation` with those groups.

    Args:
        only_a: Samples that the first system alone gets right.
        only_b: Samples that the second system alone gets right.

    Raises:
        UsageError: A count is negative.
    """
    from scipy.special import bdtr

    if min(only_a, only_b) < 0:
        raise UsageError(
            f"Expected arguments `only_a` and `only_b` to be at least 0, but got {only_a} and {only_b}. "
            "Pass how many samples just one of the systems gets right."
        )
    if only_a == only_b:
        return 1.0
    below, up_to = bdtr(np.array([min(only_a, only_b) - 1, min(only_a, only_b)]), only_a + only_b, 0.5)
    # Half of the observed outcome's own probability counts: (below + up_to) / 2 per tail.
    return float(np.nan_to_num(below) + up_to)
