"""Several effects of which all must be large enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from harness.claims.mean_effect import MeanEffect
from harness.claims.verdict import Effect

Number = TypeVar("Number", int, float)


def weakest(found: Sequence[MeanEffect], threshold: float) -> MeanEffect:
    """The smallest of several effects on the same samples, tested as such.

    Above the threshold it takes all effects to be, so the largest p-value counts and nothing is lost to doing
    several tests (intersection-union; Berger 1982, Technometrics 24). Below it one suffices, so the smallest
    p-value of those below counts. Where several effects lie at the threshold that is an error more often
    on the one side and less often on the other: in total it stays at the level of one test, which
    `benchmarks/calibration.py` counts.

    Args:
        found: one or more effects with their p-values at `threshold`.
        threshold: the smallest effect that counts.

    Returns:
        The effect with the smallest value; its interval reaches from the lowest low end to the lowest high
        one.
    """
    least = min(found, key=lambda one: one.effect.value)
    below = [one.p_value for one in found if one.effect.value < threshold]
    deciding = [least] if below else list(found)
    return replace(
        least,
        effect=Effect(
            least.effect.name,
            least.effect.value,
            min(_known(one.effect.low) for one in found),
            min(_known(one.effect.high) for one in found),
        ),
        p_value=min(below) if below else max(one.p_value for one in found),
        n_needed=_most([one.n_needed for one in deciding]),
        detectable_effect=_most([one.detectable_effect for one in found]),
    )


def _known(bound: float | None) -> float:
    assert bound is not None  # a mean effect has an interval
    return bound


def _most(values: Sequence[Number | None]) -> Number | None:
    known = [value for value in values if value is not None]
    return max(known) if len(known) == len(values) else None
