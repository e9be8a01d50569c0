"""What a model gets right once its order bias is taken out of its answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.claims.asks import Asks
from harness.claims.claim import Context
from harness.claims.mean_effect import share
from harness.claims.verdict import Effect
from harness.metrics import (
    batch_calibration,
    contextual_calibration,
    is_balanced,
    majority_vote,
    permutation_vote,
    pride,
)

Values = npt.NDArray[np.float64]


def accuracies_after_mitigation(asks: Asks, context: Context) -> list[Effect]:
    """Accuracy with the first order alone, and after each mitigation that the answers allow.

    A vote over all orders needs answers only. Where labels were scored there are also PriDe, if the orders
    balance each other, batch calibration, and contextual calibration, if an image without content was
    scored. These three take the first order, and PriDe a few images in all orders to learn from. An image
    without scores is wrong. Of each order the first ask counts.

    Args:
        asks: the answers in all orders.
        context: level and seed.
    """
    once = asks.first_of_each_order
    labels = np.sort(once.orders[0])
    scores = _scores(once, labels)
    if scores is None:
        labels = np.arange(len(once.sides[0].space))
        mitigated = {"permutation vote": majority_vote(once.answers, len(labels))}
    else:
        mitigated = _from_scores(once, scores, labels, context.seed)
    right = {"first order": once.answers[:, 0] == once.gold}
    for name, values in mitigated.items():
        known = ~np.isnan(values).any(axis=1)
        right[name] = known & (labels[values.argmax(axis=1)] == once.gold)
    return [share(f"accuracy, {name}", values, once.sides[0], context) for name, values in right.items()]


def _from_scores(once: Asks, scores: Values, labels: npt.NDArray[np.int64], seed: int) -> dict[str, Values]:
    mitigated = {"permutation vote": permutation_vote(scores)}
    complete = ~np.isnan(scores).any(axis=(1, 2))
    if complete.any() and is_balanced(once.orders):
        mitigated["PriDe"] = pride(scores, np.searchsorted(labels, once.orders), seed=seed)
    mitigated["batch calibration"] = batch_calibration(scores[:, 0])
    blank, spelled = once.sides[0].content_free, once.sides[0].space.labels
    if blank:
        blank_scores = [blank[spelled[label]] for label in labels]
        mitigated["contextual calibration"] = contextual_calibration(scores[:, 0], blank_scores)
    return mitigated


def _scores(once: Asks, labels: npt.NDArray[np.int64]) -> Values | None:
    """(N, O, K) probabilities of the labels shown, or None where some ask was not scored."""
    scores = [side.probabilities for side in once.sides if side.prompt and side.prompt.labels == "shown"]
    if len(scores) < len(once.sides) or any(values is None for values in scores):
        return None
    return np.stack([values[:, labels] for values in scores if values is not None], axis=1)
