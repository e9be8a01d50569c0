"""What most of several answers say.

[models.six-networks]                  [models.people]
adapter = "vote"                       adapter = "panel"
parents = ["a", "b", "c"]              parents = ["annotators"]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.metrics import majority_vote
from harness.models.base import Capability, Context, Family
from harness.models.derived.base import Answered

# What an earlier vote weighs more than a later one: enough to part what ties, and nothing else.
_EARLIER = 1e-6


class MajorityVote:
    """Each parent has a vote; the scores are shares of the valid ones. Earlier parents part ties."""

    capability: Capability = "derived"
    family: Family = "ensemble"
    version = 1
    options: Mapping[str, Any] = {}

    def __init__(self, *, context: Context) -> None:
        del context

    def combine(self, parents: Sequence[Answered]) -> NDArray[np.float64]:
        """See `DerivedModel.combine`."""
        answers = np.stack([parent.answers for parent in parents], axis=1)
        return votes(answers, len(parents[0].space))


class Panel(MajorityVote):
    """People who each labelled some of the samples: each rater of each parent has a vote."""

    family: Family = "human"

    def combine(self, parents: Sequence[Answered]) -> NDArray[np.float64]:
        """See `DerivedModel.combine`."""
        answers = np.concatenate([parent.labels_by_rater()[2] for parent in parents], axis=1)
        return votes(answers, len(parents[0].space))


def votes(answers: NDArray[np.int64], num_labels: int) -> NDArray[np.float64]:
    """Shares of the labels among the valid answers (N, P) of each sample, ties parted: (N, K)."""
    shares = majority_vote(answers, num_labels)
    first = (answers[:, :, None] == np.arange(num_labels)).argmax(axis=1)
    named = (answers[:, :, None] == np.arange(num_labels)).any(axis=1)
    parted: NDArray[np.float64] = shares + named * _EARLIER * (1 - first / answers.shape[1])
    scores: NDArray[np.float64] = parted / np.maximum(parted.sum(axis=1, keepdims=True), _EARLIER)
    return scores
