"""One model without its order bias, from its answers under several orders of the labels.

[models.llava-voted]                   [models.llava-debiased]
adapter = "permutation_vote"           adapter = "pride"
parents = ["llava/orders"]             parents = ["llava/scored-orders"]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import Unavailable, UsageError
from harness.metrics import permutation_vote, pride
from harness.models.base import Capability, Context, Family
from harness.models.derived.base import Answered, scores_of
from harness.models.derived.votes import votes
from harness.prompts import label_order


class PermutationVote:
    """Mean probability of each label over the orders, or the vote of the orders where nothing is scored."""

    capability: Capability = "derived"
    family: Family = "vlm"
    version = 1
    options: Mapping[str, Any] = {}

    def __init__(self, *, context: Context) -> None:
        del context

    def combine(self, parents: Sequence[Answered]) -> NDArray[np.float64]:
        """See `DerivedModel.combine`."""
        if all(parent.probabilities is not None for parent in parents):
            return permutation_vote(scores_of(parents, "Ask it with labels."))
        return votes(np.stack([parent.answers for parent in parents], axis=1), len(parents[0].space))


class Pride:
    """Answers to one order, less what each position is worth, see `harness.metrics.pride`.

    Args:
        context: nothing is looked for.
        share: share of the samples from which the worth of positions is learned, asked in all orders.
        seed: seed of their choice.
    """

    capability: Capability = "derived"
    family: Family = "vlm"
    version = 1

    def __init__(self, *, context: Context, share: float = 0.05, seed: int = 0) -> None:
        del context
        self.share, self.seed = share, seed
        self.options: Mapping[str, Any] = {"share": share, "seed": seed}

    def combine(self, parents: Sequence[Answered]) -> NDArray[np.float64]:
        """See `DerivedModel.combine`.

        Raises:
            Unavailable: a parent read no prompt or gives no probabilities, or the orders are not balanced.
        """
        space = parents[0].space
        orders = np.array([[space.index(label) for label in _shown(parent)] for parent in parents])
        labels = np.sort(orders[0])
        scores = scores_of(parents, "Ask it with mode = 'score'.")
        try:
            found = pride(
                scores[:, :, labels], np.searchsorted(labels, orders), share=self.share, seed=self.seed
            )
        except UsageError as error:
            raise Unavailable(str(error)) from error
        everywhere = np.where(np.isnan(found).any(axis=1, keepdims=True), np.nan, np.zeros((1, len(space))))
        everywhere[:, labels] = found
        return everywhere


def _shown(parent: Answered) -> tuple[str, ...]:
    if parent.prompt is None:
        raise Unavailable("A parent has no order of labels, as it reads no prompt. Name one that does.")
    return label_order(parent.prompt, parent.space)
