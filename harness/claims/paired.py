"""Two sets of answers to the same samples: which gets more of them right?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.claims.claim import Context
from harness.claims.evidence import check_same_samples
from harness.claims.verdict import Effect
from harness.metrics import accuracy, macro_f1
from harness.predictions import Predictions
from harness.statistics import (
    mcnemar,
    minimum_detectable_difference,
    needed_n,
    paired_difference,
    paired_permutation,
)


@dataclass(frozen=True)
class PairedAccuracies:
    """Accuracy of the first minus that of the second.

    Attributes:
        effect: the difference with its paired bootstrap interval.
        f1: the same of macro-F1.
        p_value: two-sided, of no difference in accuracy.
        method: test and interval, in words.
        n_needed: as in `Verdict`.
        detectable_effect: as in `Verdict`.
    """

    effect: Effect
    f1: Effect
    p_value: float
    method: str
    n_needed: int | None
    detectable_effect: float | None

    @property
    def opposed(self) -> bool:
        """Whether macro-F1 says the opposite, with an interval that excludes no difference."""
        sign = self.effect.value
        return (self.f1.low or 0) * sign < 0 and (self.f1.high or 0) * sign < 0


def compare_accuracies(
    name: str, first: Predictions, second: Predictions, context: Context
) -> PairedAccuracies:
    """Compares two accuracies on the same samples.

    The test is exact McNemar (mid-p), or a permutation of whole groups where samples depend on each other.
    A sample without a valid answer is wrong.

    Args:
        name: of the effect.
        first: answers that count for a positive effect.
        second: answers that they are compared with.
        context: level, family size, seed and replicates.

    Raises:
        DataError: the answers are not about the same samples.
    """
    check_same_samples((first, second))
    gold, labels, groups, n = first.gold, len(first.space.labels), first.groups, len(first)
    first_right, second_right = first.answers == gold, second.answers == gold
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    resampling: dict[str, Any] = {"groups": groups, "seed": context.seed, "replicates": context.replicates}
    args = (gold, first.answers, second.answers, labels)
    effect = Effect.of(name, paired_difference(*args, accuracy, alpha=context.alpha, **resampling))
    f1 = paired_difference(*args, macro_f1, alpha=context.alpha, **resampling)
    if len(set(groups)) == n:
        p_value, method = mcnemar(only_first, only_second), "exact McNemar (mid-p), paired bootstrap"
    else:
        p_value = paired_permutation(*args, accuracy, **resampling)
        method = f"permutation and paired bootstrap of {len(set(groups)):,} groups"
    discordance = (only_first + only_second) / n
    return PairedAccuracies(
        effect=effect,
        f1=Effect.of("macro-F1 difference", f1),
        p_value=p_value,
        method=method,
        n_needed=needed_n(effect.value, discordance, alpha=context.level)
        if context.testable(effect)
        else None,
        detectable_effect=minimum_detectable_difference(n, discordance, alpha=context.level),
    )
