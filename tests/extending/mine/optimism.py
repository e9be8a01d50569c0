"""A claim: vision-language models say happy more often than it is true."""

import numpy as np

from harness.claims import Claim, Role
from harness.claims.mean_effect import mean_effect, mean_verdict

NAME = "vlms_are_optimists"
THRESHOLD = 0.05  # what is less is of no consequence


def judge(vlm, context):
    """The predictions of one model on one data set, and what a judgement needs besides: a verdict."""
    happy = vlm.space.index("happy")
    excess = np.equal(vlm.answers, happy).astype(float) - np.equal(vlm.gold, happy)
    found = mean_effect(
        "excess of happy answers", excess, -1, 1, groups=vlm.groups, threshold=THRESHOLD, context=context
    )
    return mean_verdict(NAME, found, context, threshold=THRESHOLD, subject="For this model")


CLAIM = Claim(
    name=NAME,
    hypothesis="A vision-language model answers happy more often than pictures are.",
    roles=(Role("vlm", ("vlm",)),),
    judge=judge,
    threshold=THRESHOLD,
)
