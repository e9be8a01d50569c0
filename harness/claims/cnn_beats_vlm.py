"""CNNs trained on a dataset answer more of it right than zero-shot vision-language models.

The claim of Mulukutla et al. 2025 (arXiv 2508.13524) on FER-2013, among others.
"""

from __future__ import annotations

from harness.claims.claim import Claim, Context, Evidence, Role
from harness.claims.evidence import invalid_notes
from harness.claims.paired import compare_accuracies
from harness.claims.verdict import Effect, Verdict, decide
from harness.errors import DataError
from harness.metrics import confusion_table, macro_f1
from harness.models.base import Published
from harness.predictions import Predictions
from harness.statistics import (
    compare_proportions,
    effective_n,
    minimum_detectable_difference_unpaired,
    needed_n_unpaired,
)

EFFECT = "accuracy difference (CNN - VLM)"


def judge(cnn: Evidence, vlm: Evidence, context: Context) -> Verdict:
    """Compares two systems on one dataset:split.

    With predictions on both sides the comparison is paired: exact McNemar (mid-p), or a permutation of
    whole groups where samples depend on each other, with a paired bootstrap interval. Against published
    numbers it is unpaired: a score test with Newcombe's interval, which is wider, because the two
    systems' agreement on single samples is unknown. Accuracy decides; macro-F1 is shown beside it.

    Args:
        cnn: predictions or published numbers of the CNN.
        vlm: the same of the vision-language model.
        context: cell name, level, family size, seed and audit findings.

    Raises:
        DataError: two sets of predictions are not over the same samples, or a publication has no accuracy.
    """
    if isinstance(cnn, Predictions) and isinstance(vlm, Predictions):
        return _paired(cnn, vlm, context)
    return _unpaired(cnn, vlm, context)


def _paired(cnn: Predictions, vlm: Predictions, context: Context) -> Verdict:
    found = compare_accuracies(EFFECT, cnn, vlm, context)
    outcome = decide(found.effect, found.p_value, context.alpha, context.barred)
    notes = [*context.notes, *invalid_notes("CNN", cnn), *invalid_notes("VLM", vlm)]
    if outcome != "inconclusive" and found.opposed:
        notes.append(f"Macro-F1 says the opposite ({found.f1.value:+.3f}): the gain is on frequent labels.")
    return Verdict(
        claim=NAME,
        cell=context.cell,
        outcome=outcome,
        effect=found.effect,
        secondary=(found.f1,),
        p_value=found.p_value,
        alpha=context.alpha,
        n=len(cnn),
        n_needed=found.n_needed,
        detectable_effect=found.detectable_effect,
        paired=True,
        method=found.method,
        barred=context.barred,
        reason=_reason(found.effect, context, f"on the same {len(cnn):,} samples"),
        notes=tuple(notes),
    )


def _unpaired(cnn: Evidence, vlm: Evidence, context: Context) -> Verdict:
    (right_1, n_1), (right_2, n_2) = _counts(cnn), _counts(vlm)
    rates = (right_1 / n_1, right_2 / n_2)
    effective = (_effective_n(cnn), _effective_n(vlm))
    difference, p_value = compare_proportions(
        rates[0] * effective[0], effective[0], rates[1] * effective[1], effective[1], alpha=context.alpha
    )
    effect = Effect.of(EFFECT, difference)
    macro = [_macro_f1(side) for side in (cnn, vlm)]
    secondary: tuple[Effect, ...] = ()
    notes = list(context.notes)
    if macro[0] is not None and macro[1] is not None:
        secondary = (Effect("macro-F1 difference", macro[0] - macro[1]),)
    else:
        silent = next(side for side, value in zip((cnn, vlm), macro, strict=True) if value is None)
        notes.append(f"{_name(silent)} publishes no macro-F1; accuracy alone is compared.")
    notes.append("Unpaired, so the interval is wider than predictions of both sides would give.")
    for role, side in (("CNN", cnn), ("VLM", vlm)):
        notes += (
            invalid_notes(role, side) if isinstance(side, Predictions) else [side.note] if side.note else []
        )
    return Verdict(
        claim=NAME,
        cell=context.cell,
        outcome=decide(effect, p_value, context.alpha, context.barred),
        effect=effect,
        secondary=secondary,
        p_value=p_value,
        alpha=context.alpha,
        n=min(n_1, n_2),
        n_needed=needed_n_unpaired(*rates, alpha=context.level) if context.testable(effect) else None,
        detectable_effect=minimum_detectable_difference_unpaired(n_1, rates[0], n_2=n_2, alpha=context.level),
        paired=False,
        method="two-proportion score test, Newcombe interval (unpaired)",
        barred=context.barred,
        reason=_reason(effect, context, f"({rates[0]:.1%} of {n_1:,} against {rates[1]:.1%} of {n_2:,})"),
        notes=tuple(notes),
    )


def _counts(side: Evidence) -> tuple[int, int]:
    """Right answers and samples."""
    if isinstance(side, Predictions):
        return int((side.answers == side.gold).sum()), len(side)
    if "accuracy" not in side.metrics:
        raise DataError(f"{side.model} publishes no accuracy on {side.dataset}:{side.split}. Leave it out.")
    return round(side.metrics["accuracy"] * side.n), side.n


def _effective_n(side: Evidence) -> float:
    """Samples, or fewer where they come in groups that depend on each other."""
    return effective_n(side.answers == side.gold, side.groups) if isinstance(side, Predictions) else side.n


def _macro_f1(side: Evidence) -> float | None:
    if isinstance(side, Published):
        return side.metrics.get("macro_f1")
    return float(macro_f1(confusion_table(side.gold, side.answers, len(side.space.labels))))


def _name(side: Evidence) -> str:
    return side.model if isinstance(side, Published) else side.cell.model


def _reason(effect: Effect, context: Context, where: str) -> str:
    if context.barred:
        return f"No verdict: {context.barred}."
    word = "more" if effect.value >= 0 else "fewer"
    low, high = (100 * (bound or 0.0) for bound in (effect.low, effect.high))
    return (
        f"The CNN gets {100 * abs(effect.value):.1f} points {word} right {where}, "
        f"{100 * (1 - context.alpha):g} % CI {low:+.1f} to {high:+.1f}."
    )


NAME = "cnn_beats_vlm"
CLAIM = Claim(
    name=NAME,
    hypothesis="A CNN trained on the dataset gets more of it right than a zero-shot vision-language model.",
    roles=(
        Role("cnn", ("cnn",)),
        Role("vlm", ("vlm",)),
    ),
    judge=judge,
)
