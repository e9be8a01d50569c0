"""Verdicts in the presence of test samples that a model was trained on."""

from __future__ import annotations

from dataclasses import replace

from harness.claims.verdict import Effect, Verdict, decide


def hold_on_unseen(everything: Verdict, unseen: Verdict, seen: int) -> Verdict:
    """A verdict that must hold on all samples and on those that no side has seen in training.

    An intersection-union test (Berger 1982, Technometrics 24): the larger p-value counts, and effects on
    opposite sides of the threshold bar each other. The effect shown stays that of the whole split, as others
    report it.

    Args:
        everything: the verdict on all samples.
        unseen: the verdict without the samples seen in training.
        seen: how many those are.
    """
    effect, rest = everything.effect, unseen.effect
    barred, threshold = everything.barred, everything.threshold
    if not barred and (effect.value - threshold) * (rest.value - threshold) < 0:
        barred = f"the effect is {effect.value:+.3f} on all samples and {rest.value:+.3f} on unseen ones"
    tests = [p for p in (everything.p_value, unseen.p_value) if p is not None]
    p_value = max(tests) if len(tests) == 2 else None
    interval = "" if rest.low is None or rest.high is None else f" [{rest.low:+.3f}, {rest.high:+.3f}]"
    note = (
        f"{seen:,} samples are exact copies of training images; the test must hold without them, too: "
        f"{rest.value:+.3f}{interval} on the others."
    )
    shown = Effect(f"{effect.name}, unseen samples", rest.value, rest.low, rest.high)
    outcome = decide(effect, p_value, everything.alpha, barred, threshold)
    fallen = outcome != everything.outcome
    needs = (everything.n_needed, unseen.n_needed)
    return replace(
        everything,
        outcome=outcome,
        reason=f"{everything.reason} That does not hold on the {unseen.n:,} unseen."
        if fallen
        else everything.reason,
        p_value=p_value,
        barred=barred,
        n_needed=None if None in needs or barred else max(need for need in needs if need is not None),
        detectable_effect=unseen.detectable_effect,
        secondary=(*everything.secondary, shown),
        notes=(*everything.notes, note),
    )
