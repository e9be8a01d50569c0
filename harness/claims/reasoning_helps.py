"""A model that is told to reason before it answers gets more right.

EVE (Bhattacharyya & Wang 2025, arXiv 2502.05660) tries chain of thought, multi-step context and a caption
first. Their answers were cut off at 160 tokens and dropped; here an answer that is cut off is wrong, and how
many were is said.
"""

from __future__ import annotations

from harness.claims.claim import Claim, Context, Role
from harness.claims.contrast import Contrast
from harness.claims.evidence import invalid_notes, prompt_of
from harness.claims.paired import compare_accuracies
from harness.claims.verdict import Effect, Verdict, decide
from harness.predictions import Predictions

NAME = "reasoning_helps"


def judge(plain: Predictions, reasoned: Predictions, context: Context) -> Verdict:
    """Compares answers after reasoning with plain ones: supported when it helps, refuted when it hurts.

    Args:
        plain: answers without reasoning.
        reasoned: answers to the same samples after one kind of reasoning.
        context: cell name, level, family size and seed.

    Raises:
        DataError: the samples differ, or an answer was given to no prompt.
    """
    kind = prompt_of(reasoned).reasoning
    found = compare_accuracies("accuracy difference (reasoning - none)", reasoned, plain, context)
    outcome = decide(found.effect, found.p_value, context.alpha, context.barred)
    notes = [*context.notes, *invalid_notes("Plain", plain), *invalid_notes(f"After {kind}", reasoned)]
    if outcome != "inconclusive" and found.opposed:
        notes.append(f"Macro-F1 says the opposite ({found.f1.value:+.3f}): frequent labels decide.")
    return Verdict(
        claim=NAME,
        cell=context.cell,
        outcome=outcome,
        effect=found.effect,
        secondary=(found.f1,),
        p_value=found.p_value,
        alpha=context.alpha,
        n=len(plain),
        n_needed=found.n_needed,
        detectable_effect=found.detectable_effect,
        paired=True,
        method=found.method,
        barred=context.barred,
        reason=_reason(kind, found.effect, len(plain), context),
        notes=tuple(notes),
    )


def _reason(kind: str, effect: Effect, n: int, context: Context) -> str:
    if context.barred:
        return f"No verdict: {context.barred}."
    word = "more" if effect.value >= 0 else "fewer"
    low, high = (100 * (bound or 0.0) for bound in (effect.low, effect.high))
    return (
        f"After {kind} the model gets {100 * abs(effect.value):.1f} points {word} of the same {n:,} samples "
        f"right than without, {100 * (1 - context.alpha):g} % CI {low:+.1f} to {high:+.1f}."
    )


CLAIM = Claim(
    name=NAME,
    hypothesis="Told to reason before it answers, the model gets more right.",
    roles=(Role("vlm", ("vlm",)),),
    judge=judge,
    contrast=Contrast(axes=("reasoning",), base="none"),
)
