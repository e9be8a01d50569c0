"""Effects that are means over images of a bounded quantity, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, isnan, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.claims.claim import Context
from harness.claims.verdict import Effect, Verdict, decide
from harness.predictions import Predictions
from harness.statistics import bounded_mean

METHOD = "bounded mean (Gaffke)"
_POWER = 0.8


@dataclass(frozen=True)
class MeanEffect:
    """A mean effect and what its samples say about a threshold.

    Attributes:
        effect: the mean with its interval at 1 - alpha.
        p_value: two-sided, of the mean being at the threshold.
        n: samples.
        n_needed: as in `Verdict`.
        detectable_effect: as in `Verdict`.
        groups: number of groups of dependent samples.
    """

    effect: Effect
    p_value: float
    n: int
    n_needed: int | None
    detectable_effect: float | None
    groups: int


def mean_effect(
    name: str,
    values: npt.NDArray[np.floating[Any]],
    low: float,
    high: float,
    *,
    groups: Sequence[str],
    threshold: float,
    context: Context,
) -> MeanEffect:
    """Tests on which side of a threshold the mean of a per-image quantity lies.

    The samples needed and the effect that they detect come from the normal approximation: a distance from
    the threshold is detected with power 0.8 at `context.level` when it is z(1 - level / 2) + z(0.8) standard
    errors long. The variance is that between groups, with one more group at the farther bound, as in the
    interval, so that images which all behave alike do not promise certainty.

    Args:
        name: of the effect.
        values: (N,) one per image.
        low: the smallest value that an image can have.
        high: the largest.
        groups: (N,) what makes images dependent.
        threshold: the smallest effect that counts.
        context: level and family size.
    """
    mean = bounded_mean(values, low=low, high=high, groups=groups, alpha=context.alpha)
    effect = Effect(name, mean.value, mean.low, mean.high)
    deviation = _deviation(values, low, high, groups)
    normal = NormalDist()
    reach = (normal.inv_cdf(1 - context.level / 2) + normal.inv_cdf(_POWER)) * deviation
    detectable = threshold + reach / sqrt(len(values))
    distance = abs(mean.value - threshold)
    return MeanEffect(
        effect=effect,
        p_value=mean.p_value(threshold),
        n=len(values),
        n_needed=ceil((reach / distance) ** 2) if context.testable(effect, threshold) else None,
        detectable_effect=detectable if detectable < high else None,
        groups=len(set(groups)),
    )


def mean_verdict(
    claim: str,
    found: MeanEffect,
    context: Context,
    *,
    threshold: float,
    subject: str,
    method: str = METHOD,
    secondary: Sequence[Effect] = (),
    notes: Sequence[str] = (),
) -> Verdict:
    """The verdict on a mean effect.

    Args:
        claim: name of the claim.
        found: the effect.
        context: cell, level, and why the evidence may not decide.
        threshold: the smallest effect that counts.
        subject: what the effect was seen in, as the reason begins: `Over 14 label orders`.
        method: test and interval, in words.
        secondary: effects that do not decide; what is undefined (nan) is left out.
        notes: what else a reader must know; those of the context stand before them.
    """
    if found.groups < found.n:
        method += f" over {found.groups:,} groups"
    return Verdict(
        claim=claim,
        cell=context.cell,
        outcome=decide(found.effect, found.p_value, context.alpha, context.barred, threshold),
        effect=found.effect,
        p_value=found.p_value,
        alpha=context.alpha,
        n=found.n,
        n_needed=None if context.barred else found.n_needed,
        detectable_effect=found.detectable_effect,
        paired=True,
        method=method,
        reason=_reason(subject, found, context, threshold),
        secondary=tuple(effect for effect in secondary if not isnan(effect.value)),
        notes=(*context.notes, *notes),
        barred=context.barred,
        threshold=threshold,
    )


def share(name: str, values: npt.ArrayLike, side: Predictions, context: Context) -> Effect:
    """The mean of (N,) values from 0 to 1, such as right answers, with an interval that respects groups."""
    mean = bounded_mean(
        np.asarray(values, np.float64), low=0, high=1, groups=side.groups, alpha=context.alpha
    )
    return Effect(name, mean.value, mean.low, mean.high)


def bar(context: Context, why: str) -> Context:
    """The context with one more reason why the evidence may not decide; the first one stands."""
    return replace(context, barred=context.barred or why)


def _deviation(
    values: npt.NDArray[np.floating[Any]], low: float, high: float, groups: Sequence[str]
) -> float:
    """Standard deviation per image: sqrt(n) times the standard error of the mean."""
    _, codes = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    sizes, totals = np.bincount(codes), np.bincount(codes, weights=values)
    mean = float(values.mean())
    size = float(sizes.mean())
    extra = max(high - mean, mean - low)
    squares = float(((totals - mean * sizes) ** 2).sum()) + (size * extra) ** 2
    return sqrt(squares / (len(values) + size))


def _reason(subject: str, found: MeanEffect, context: Context, threshold: float) -> str:
    if context.barred:
        return f"No verdict: {context.barred}."
    value, low, high = (
        100 * (part or 0.0) for part in (found.effect.value, found.effect.low, found.effect.high)
    )
    return (
        f"{subject} the {found.effect.name} is {value:+.1f} points on {found.n:,} images, "
        f"{100 * (1 - context.alpha):g} % CI {low:+.1f} to {high:+.1f}; "
        f"above {100 * threshold:+.1f} it counts."
    )
