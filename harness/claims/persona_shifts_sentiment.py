"""A persona's mood moves the sentiment of a model's answers.

EVE (Bhattacharyya & Wang 2025, arXiv 2502.05660) tells models to be in a good or a bad mood and sees
accuracy fall. The mood of who looks says nothing about the picture, so any shift is a fault of the model.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.claims.claim import Claim, Context, Role
from harness.claims.contrast import Contrast
from harness.claims.evidence import check_same_samples, invalid_notes, prompt_of
from harness.claims.mean_effect import mean_effect, mean_verdict
from harness.claims.verdict import Effect, Verdict
from harness.errors import DataError
from harness.labels import LabelSpace, affect
from harness.predictions import Predictions

NAME = "persona_shifts_sentiment"
THRESHOLD = 0.02
_SIGN = {"positive": 1, "negative": -1}


def judge(*personas: Predictions, context: Context) -> Verdict:
    """Compares the answers given in a good mood with those given in a bad one, image by image.

    A positive answer counts +1, a negative one -1; surprise, neutral and no valid answer count 0. The effect
    is half the mean difference between the two moods: 1 when the mood alone decides. Where the model was also
    asked in a neutral mood or without a persona, the shift and the cost in accuracy of each mood are shown.

    Args:
        personas: the same samples under each persona; positive and negative must be among them.
        context: cell name, level, family size.

    Raises:
        DataError: a mood is missing, the samples differ, or the space lacks a sentiment.
    """
    check_same_samples(personas)
    sides: dict[str, Predictions] = {prompt_of(side).persona: side for side in personas}
    if missing := {"positive", "negative"} - set(sides):
        raise DataError(
            f"{context.cell} has no {missing.pop()} persona. Ask with both, positive and negative."
        )
    good, bad = sides["positive"], sides["negative"]
    signs = sentiments(good.space)
    if set(_SIGN.values()) - set(signs):
        raise DataError(
            f"Label space {good.space.name} lacks positive or negative labels, so no mood can show in it. "
            f"Leave {NAME} out."
        )
    found = mean_effect(
        "shift of sentiment",
        _shift(good, bad, signs),
        -1,
        1,
        groups=good.groups,
        threshold=THRESHOLD,
        context=context,
    )
    return mean_verdict(
        NAME,
        found,
        context,
        threshold=THRESHOLD,
        subject="Between a positive and a negative persona",
        secondary=_against_none(sides, signs, context),
        notes=[note for mood, side in sides.items() for note in invalid_notes(f"Persona {mood}", side)],
    )


def sentiments(space: LabelSpace) -> NDArray[np.int64]:
    """(K + 1,) sign of each label's sentiment, 0 for neither; last, where answer -1 looks, 0."""
    table = affect().sentiments
    return np.array([*(_SIGN.get(table.get(concept, ""), 0) for concept in space.concepts), 0], np.int64)


def _shift(first: Predictions, second: Predictions, signs: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) half the difference of sentiment."""
    shift: NDArray[np.float64] = (signs[first.answers] - signs[second.answers]) / 2
    return shift


def _against_none(sides: dict[str, Predictions], signs: NDArray[np.int64], context: Context) -> list[Effect]:
    """What each persona does to sentiment and accuracy, against no persona."""
    if "none" not in sides:
        return []
    plain = sides["none"]
    effects = []
    for mood, side in sides.items():
        if mood == "none":
            continue
        gain = (side.answers == side.gold).astype(float) - (plain.answers == plain.gold)
        for name, values in (
            ("shift of sentiment", _shift(side, plain, signs)),
            ("accuracy difference", gain),
        ):
            mean = mean_effect(
                f"{name}, {mood} persona - none",
                values,
                -1,
                1,
                groups=side.groups,
                threshold=0.0,
                context=context,
            )
            effects.append(mean.effect)
    return effects


CLAIM = Claim(
    name=NAME,
    hypothesis="Told to be in a good or a bad mood, the model reads faces as more positive or more negative.",
    roles=(Role("vlm", ("vlm",)),),
    judge=judge,
    contrast=Contrast(axes=("persona",), needs=("positive", "negative")),
    threshold=THRESHOLD,
)
