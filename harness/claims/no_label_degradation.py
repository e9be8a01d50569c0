"""A model that is not shown the labels gets less right than one that is.

EVE (Bhattacharyya & Wang 2025, arXiv 2502.05660) finds all models worse without labels. How much worse
depends on how an open answer is held against the labels, so that is varied, too.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from harness.claims.claim import Claim, Context, Role
from harness.claims.contrast import Contrast
from harness.claims.evidence import check_same_samples, invalid_notes
from harness.claims.mean_effect import MeanEffect, bar, mean_effect, mean_verdict, share
from harness.claims.verdict import Verdict
from harness.metrics import mapped_answers
from harness.predictions import Predictions
from harness.prompts.open_vocabulary import TAU

NAME = "no_label_degradation"
THRESHOLD = 0.02

TAUS = (0.6, 0.65, TAU, 0.75, 0.8)
"""Similarities from which an open answer may count as the nearest label.

No value is right: a low one credits answers that mean something else, a high one denies finer words for the
same emotion. So the verdict must come out on the same side of the threshold for every one of these.
"""


def judge(shown: Predictions, absent: Predictions, context: Context) -> Verdict:
    """Compares accuracy with the labels shown and with open answers, on the same samples.

    An open answer that names a label or a synonym of one is that label; else it is the label that is most
    similar to it, where the similarity is `TAU` or more; else it is no valid answer and wrong. Where the drop
    lies above the threshold at one tau of `TAUS` and below it at another, the way of mapping decides
    rather than the model, and the evidence is barred.

    Args:
        shown: answers with the labels shown.
        absent: open answers to the same samples; their scores are cosine similarities with each label.
        context: cell name, level, family size.

    Raises:
        DataError: the samples differ.
    """
    check_same_samples((shown, absent))
    right = shown.answers == shown.gold
    similarities = _similarities(absent)
    mapped = {tau: mapped_answers(absent.answers, similarities, tau) for tau in TAUS}
    drops = {tau: right.astype(float) - (answers == absent.gold) for tau, answers in mapped.items()}
    context = _barred_by_mapping(drops, context)
    found = _loss("loss of accuracy", drops[TAU], shown, context)
    others = [
        _loss(f"loss of accuracy, tau {tau}", drop, shown, context).effect
        for tau, drop in drops.items()
        if tau != TAU
    ]
    return mean_verdict(
        NAME,
        found,
        context,
        threshold=THRESHOLD,
        subject=f"Without labels (tau {TAU})",
        secondary=(
            *others,
            share("accuracy, labels shown", right, shown, context),
            share("accuracy, labels absent", mapped[TAU] == absent.gold, absent, context),
            share("unmapped open answers", mapped[TAU] < 0, absent, context),
            share("finer than the labels", (absent.answers < 0) & (mapped[TAU] >= 0), absent, context),
        ),
        notes=(*_mapping_note(absent), *invalid_notes("Labels shown", shown)),
    )


def _similarities(absent: Predictions) -> NDArray[np.float64]:
    """(N, K) cosine similarities; nan, which maps nothing, where there are none."""
    if absent.probabilities is not None:
        return absent.probabilities
    return np.full((len(absent), len(absent.space)), np.nan)


def _barred_by_mapping(drops: Mapping[float, NDArray[np.float64]], context: Context) -> Context:
    losses = {tau: float(drop.mean()) for tau, drop in drops.items()}
    if not min(losses.values()) < THRESHOLD < max(losses.values()):
        return context
    found = ", ".join(f"{100 * loss:+.1f} points at tau {tau}" for tau, loss in losses.items())
    return bar(context, f"the way open answers are mapped decides rather than the model ({found})")


def _loss(name: str, drop: NDArray[np.float64], shown: Predictions, context: Context) -> MeanEffect:
    return mean_effect(name, drop, -1, 1, groups=shown.groups, threshold=THRESHOLD, context=context)


def _mapping_note(absent: Predictions) -> list[str]:
    if absent.probabilities is not None:
        return []
    return ["There are no similarities: only answers that name a label or a synonym are mapped."]


CLAIM = Claim(
    name=NAME,
    hypothesis="Without being shown the labels, the model gets less right.",
    roles=(Role("vlm", ("vlm",)),),
    judge=judge,
    contrast=Contrast(axes=("labels",), base="shown"),
    threshold=THRESHOLD,
)
