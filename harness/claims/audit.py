"""Can a published number be believed? Evidence that fails here supports no verdict."""

from __future__ import annotations

from collections.abc import Sequence

from harness.models.base import Published
from harness.statistics import grim, wilson

# A wording of the prompt moves zero-shot CLIP by up to 2.6 points (CLIP_benchmark against MTEB, same
# weights); a number this far above every other publication of the same system is something else.
REPRODUCTION_MARGIN = 0.10

# Metrics that are k/n for whole k.
FRACTIONS = ("accuracy", "recall_", "top_")


def audit(number: Published, others: Sequence[Published], ceiling: float | None = None) -> list[str]:
    """Why a published accuracy is not to be believed; empty when nothing speaks against it.

    Three checks. Is each rate a possible fraction of n (GRIM; Brown & Heathers 2017, doi
    10.1177/1948550616673876)? Is it above what label noise allows? Is it far above all other publications of
    the system?

    Args:
        number: the publication to audit.
        others: other publications; those of the same system and dataset:split are compared.
        ceiling: highest accuracy that label noise allows on this split, as a proportion.
    """
    findings = [
        f"{metric} {value:.2%} is not a possible fraction of n = {number.counts[metric]}"
        for metric, value in number.metrics.items()
        if metric.startswith(FRACTIONS) and not grim(value, number.counts[metric], number.decimals[metric])
    ]
    accuracy = number.metrics.get("accuracy")
    if accuracy is None:
        return findings
    if ceiling is not None and wilson(round(accuracy * number.n), number.n).low > ceiling:
        findings.append(f"{accuracy:.2%} lies above the label-noise ceiling of {ceiling:.1%}")
    same = [
        other
        for other in others
        if other.system == number.system
        and other.source != number.source
        and (other.dataset, other.split) == (number.dataset, number.split)
        and "accuracy" in other.metrics
    ]
    if same:
        best = max(same, key=lambda other: other.metrics["accuracy"])
        excess = accuracy - best.metrics["accuracy"]
        if excess > REPRODUCTION_MARGIN:
            findings.append(
                f"{accuracy:.2%} is {100 * excess:.1f} points above every other publication of "
                f"{number.system} ({best.source}: {best.metrics['accuracy']:.2%})"
            )
    return findings
