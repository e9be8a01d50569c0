"""The outcome of a claim on one cell, and how a family of outcomes is settled together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from harness.statistics import Estimate, holm

Outcome = Literal["supported", "refuted", "inconclusive"]
OUTCOMES: tuple[Outcome, ...] = ("supported", "refuted", "inconclusive")


@dataclass(frozen=True)
class Effect:
    """A named effect size; without an interval where only a point is known.

    Attributes:
        name: what differs, e.g. `accuracy difference`.
        value: point estimate.
        low: lower end of the confidence interval.
        high: upper end.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, name: str, estimate: Estimate) -> Effect:
        """Names an estimate."""
        return cls(name, float(estimate.value), float(estimate.low), float(estimate.high))


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a claim came to on one cell.

    Attributes:
        claim: name of the claim.
        cell: the cell(s) it was judged on, as in test ids.
        outcome: supported, refuted or inconclusive.
        effect: the effect that decides; above the threshold it favours the claim.
        p_value: two-sided, of the effect being at the threshold; None when the evidence allows no test.
        alpha: family-wise error rate.
        n: samples (of the smaller side when the sides differ).
        n_needed: samples at which the observed effect would be detected with power 0.8, at the level
            that the whole family leaves to one test; None when no number would do.
        detectable_effect: smallest effect that n detects with power 0.8 at that level.
        paired: whether both sides answered the same samples.
        method: test and interval, in words.
        reason: one sentence a reader can quote.
        secondary: effects that are shown and do not decide.
        notes: what else a reader must know.
        barred: why the evidence may not decide, or "".
        p_adjusted: Holm-adjusted within the family.
        family_size: how many tests the adjustment is over.
        threshold: the smallest effect that counts, such as 0.05 where less is of no consequence.
    """

    claim: str
    cell: str
    outcome: Outcome
    effect: Effect
    p_value: float | None
    alpha: float
    n: int
    n_needed: int | None
    detectable_effect: float | None
    paired: bool
    method: str
    reason: str
    secondary: tuple[Effect, ...] = ()
    notes: tuple[str, ...] = ()
    barred: str = ""
    p_adjusted: float | None = None
    family_size: int = 1
    threshold: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain values, with `verdict` in place of `outcome`, as in claims.json."""
        plain = asdict(self)
        plain["verdict"] = plain.pop("outcome")
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Verdict:
        """The verdict that `as_dict` was taken of."""
        rest = {key: value for key, value in plain.items() if key != "verdict"}
        effects = tuple(Effect(**effect) for effect in rest["secondary"])
        made = {"effect": Effect(**rest["effect"]), "secondary": effects, "notes": tuple(rest["notes"])}
        return cls(outcome=plain["verdict"], **{**rest, **made})


def decide(
    effect: Effect, p_value: float | None, alpha: float, barred: str = "", threshold: float = 0.0
) -> Outcome:
    """Supported or refuted when test and interval agree on which side of the threshold the effect lies.

    Args:
        effect: the effect with its interval.
        p_value: two-sided, of the effect being at the threshold.
        alpha: level of the test.
        barred: why the evidence may not decide, or "".
        threshold: the smallest effect that counts.

    Returns:
        Supported above the threshold, refuted below it, inconclusive where that is open.
    """
    if barred or p_value is None or p_value >= alpha or effect.low is None or effect.high is None:
        return "inconclusive"
    if effect.low > threshold:
        return "supported"
    return "refuted" if effect.high < threshold else "inconclusive"


def settle(verdict: Verdict, others: Sequence[Verdict], size: int, *, mute: int = 0) -> Verdict:
    """Judges a verdict together with its family: Holm-adjusted p-values decide.

    Every member of the family counts, also one that is barred, gave no p-value or did not run. The p-values
    of those that did not run lie between two extremes: all of them 1, and all of them 0. Where the outcome
    hangs on that, there is none.

    Args:
        verdict: as judged by itself.
        others: members of its family that ran, too.
        size: the size of the family, this verdict included.
        mute: members that can never be judged, as what they rest on says too little.
    """
    if verdict.p_value is None or verdict.barred:
        outcome = decide(verdict.effect, None, verdict.alpha, verdict.barred, verdict.threshold)
        return replace(verdict, outcome=outcome, p_adjusted=None, family_size=size)
    tested = (1.0 if v.p_value is None or v.barred else v.p_value for v in others)
    ran = [verdict.p_value, *tested, *[1.0] * mute]
    absent = size - len(ran)
    p_adjusted, at_best = (holm([*ran, *[p] * absent])[0] for p in (1.0, 0.0))
    outcome, best = (
        decide(verdict.effect, p, verdict.alpha, "", verdict.threshold) for p in (p_adjusted, at_best)
    )
    settled = replace(verdict, outcome=outcome, p_adjusted=p_adjusted, family_size=size)
    if outcome == best:
        return replace(settled, reason=_reason(verdict, outcome, p_adjusted, size))
    why = f"not settled: {len(ran)} of {size} members of its family ran"
    return replace(
        settled,
        barred=why,
        n_needed=None,
        reason=f"{verdict.reason} This is {why}, and p adjusted lies between {at_best:.3g} and "
        f"{p_adjusted:.3g}: run the whole profile, with all of its models here.",
    )


def _reason(verdict: Verdict, outcome: Outcome, p_adjusted: float | None, size: int) -> str:
    if outcome == verdict.outcome or p_adjusted is None:
        return verdict.reason
    return f"{verdict.reason} After Holm's adjustment over {size} tests p = {p_adjusted:.3g}: {outcome}."
