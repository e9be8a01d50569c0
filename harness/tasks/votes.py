"""One label out of several, on which the annotators of a sample need not agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.labels import LabelSpace
from harness.tasks.base import Target, answered_labels, credit_of_labels, read_label

if TYPE_CHECKING:
    import pandas as pd

VOTES = "votes_"


@dataclass(frozen=True)
class Votes:
    """How many annotators gave each label to a sample, as in FER+ or Emotion6.

    The target of a sample has one number per label of the space, counts or shares; its label is one of those
    with most of them, by which samples are stratified and shown.

    Attributes:
        space: the labels.
    """

    space: LabelSpace
    name: ClassVar[str] = "votes"

    @property
    def asks(self) -> str:
        """See `Task`."""
        return f"one of {', '.join(self.space.labels)}, on which annotators differ"

    def check(self, label: str, target: Target) -> None:
        """See `Task.check`."""
        index = self.space.index(label)
        fits = len(target) == len(self.space) and all(np.isfinite(target)) and min(target) >= 0
        if not fits or target[index] < max(target) or max(target) <= 0:
            raise UsageError(
                f"A sample labelled {label!r} has the votes {target}. Give one number from 0 on for each of "
                f"{', '.join(self.space.labels)}, and as its label one with most of them."
            )

    def columns(self, labels: Sequence[str], targets: Sequence[Target]) -> dict[str, Any]:
        """`gold`, and the shares `votes_<label>`."""
        counts = np.array(targets, np.float64).reshape(-1, len(self.space))
        shares = counts / counts.sum(axis=1, keepdims=True)
        return {
            "gold": list(labels),
            **{f"{VOTES}{label}": shares[:, k] for k, label in enumerate(self.space.labels)},
        }

    def targets(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """(N, K) shares of the annotators."""
        shares: NDArray[np.float64] = table[[f"{VOTES}{label}" for label in self.space.labels]].to_numpy(
            np.float64
        )
        return shares

    def answers(self, table: pd.DataFrame) -> NDArray[np.int64]:
        """(N,) answered label indices, -1 where there is no valid answer."""
        return answered_labels(table, self.space)

    def read(self, text: str) -> str | None:
        """The label that a text spells."""
        return read_label(text, self.space)

    def credit(self, answers: NDArray[np.int64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of the annotators who gave the answered label.

        Its mean is the chance to agree with an annotator drawn at random: the scale on which the ceiling of
        FER-2013 (78.6 %) and the agreement of two annotators (67-69 %) are known. A share of the highest
        vote would reach 1, but ten votes overstate that vote, the more the fewer there are.

        >>> votes = Votes(LabelSpace.of("mine", ("happy", "sad")))
        >>> votes.credit(np.array([0, 1, -1]), np.array([[0.7, 0.3], [0.7, 0.3], [1.0, 0.0]]))
        array([0.7, 0.3, 0. ])
        """
        return credit_of_labels(targets, answers)
