"""A weighted mean of probabilities: late fusion, or with equal weights the usual ensemble.

[models.hybrid]
adapter = "fusion"
parents = ["resnet50", "clip/plain"]
weights = [0.7, 0.3]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.models.base import Capability, Context
from harness.models.derived.base import Answered, scores_of


class Fusion:
    """The mean of the parents' probabilities; of a sample, of those that there are.

    Args:
        context: nothing is looked for.
        weights: one per parent, none negative; equal where left out.

    Raises:
        UsageError: a weight is negative, or all are zero.
    """

    capability: Capability = "derived"
    version = 1

    def __init__(self, *, context: Context, weights: Sequence[float] | None = None) -> None:
        del context
        if weights is not None and (min(weights, default=0) < 0 or sum(weights) <= 0):
            raise UsageError(f"Expected `weights` to be 0 or more, not all 0, but got {list(weights)}.")
        self.weights = weights
        self.options: Mapping[str, Any] = {"weights": None if weights is None else list(weights)}

    def combine(self, parents: Sequence[Answered]) -> NDArray[np.float64]:
        """See `DerivedModel.combine`.

        Raises:
            UsageError: there are as many weights as parents.
            Unavailable: a parent gives no probabilities.
        """
        weights = np.ones(len(parents)) if self.weights is None else np.array(self.weights, np.float64)
        if len(weights) != len(parents):
            raise UsageError(f"There are {len(weights)} weights for {len(parents)} parents. Give each one.")
        scores = scores_of(parents, "Use adapter vote.")
        weight = weights[None, :] * ~np.isnan(scores).any(axis=2)
        total = weight.sum(axis=1, keepdims=True)
        mean: NDArray[np.float64] = (np.nan_to_num(scores) * weight[:, :, None]).sum(axis=1)
        return mean / np.where(total > 0, total, np.nan)
