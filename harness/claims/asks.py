"""The same images asked in several label orders, as the arrays that the metrics of order bias take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.claims.evidence import prompt_of
from harness.predictions import Predictions
from harness.prompts import label_order


@dataclass(frozen=True)
class Asks:
    """O asks about N images, each with K labels shown.

    Attributes:
        sides: (O,) the answers to each ask.
        answers: (N, O) label indices, -1 for no valid answer.
        orders: (O, K) the label shown at each position.
        order_ids: (O,) equal where the same order was shown.
    """

    sides: tuple[Predictions, ...]
    answers: NDArray[np.int64]
    orders: NDArray[np.int64]
    order_ids: NDArray[np.int64]

    @classmethod
    def of(cls, predictions: Sequence[Predictions]) -> Asks:
        """Arranges predictions; of two asks that are one and the same question the first is kept.

        Two names can stand for one order, as `given` does for `permutations-4.1`. Their answers are the same
        rows of the store, and would look like a model that repeats itself.
        """
        kept: dict[tuple[tuple[str, ...], int], Predictions] = {}
        for side in predictions:
            prompt = prompt_of(side)
            kept.setdefault((label_order(prompt, side.space), prompt.repeat), side)
        orders = [tuple(predictions[0].space.index(label) for label in shown) for shown, _ in kept]
        ids = {order: number for number, order in enumerate(dict.fromkeys(orders))}
        return cls(
            tuple(kept.values()),
            np.stack([side.answers for side in kept.values()], axis=1),
            np.array(orders, np.int64),
            np.array([ids[order] for order in orders], np.int64),
        )

    @property
    def gold(self) -> NDArray[np.int64]:
        """(N,) gold labels."""
        return self.sides[0].gold

    @property
    def repeated(self) -> bool:
        """Whether any order was shown twice."""
        return len(set(self.order_ids.tolist())) < len(self.order_ids)

    @property
    def repeatable(self) -> bool:
        """Whether asking again in the same order is sure to get the same answers."""
        return all(side.repeatable for side in self.sides)

    @property
    def first_of_each_order(self) -> Asks:
        """The same without what was asked again."""
        _, first = np.unique(self.order_ids, return_index=True)
        return Asks(
            tuple(self.sides[ask] for ask in first),
            self.answers[:, first],
            self.orders[first],
            self.order_ids[first],
        )
