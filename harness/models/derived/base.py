"""The shape of derived models. Adapters satisfy it by structure; nobody subclasses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.errors import Unavailable
from harness.identity import Identity
from harness.labels import LabelSpace
from harness.models.base import Capability
from harness.prompts import Prompt


class Answered(Protocol):
    """What a derived model reads of each parent: `harness.predictions.Predictions`.

    Attributes:
        space: the labels.
        answers: (N,) answered label indices, -1 for no valid answer.
        probabilities: (N, K) scores, nan rows where there are none, or None.
        prompt: how the parent was asked, or None.
    """

    @property
    def space(self) -> LabelSpace:
        """See above."""

    @property
    def answers(self) -> NDArray[np.int64]:
        """See above."""

    @property
    def probabilities(self) -> NDArray[np.float64] | None:
        """See above."""

    @property
    def prompt(self) -> Prompt | None:
        """See above."""

    def labels_by_rater(self) -> tuple[list[str], list[str], NDArray[np.int64]]:
        """Samples (N), raters (R), and (N, R) what each answered, -1 for nothing."""


@runtime_checkable
class DerivedModel(Protocol):
    """A model that is computed from others.

    An entry of the suite names them: `parents = ["resnet50", "clip/plain", "llava/orders"]`, a model that
    reads prompts with one of them, or with an entry that stands for many, each of which is a parent then.

    Attributes:
        capability: derived.
        version: of what `combine` does; with another one its answers have another identity.
        options: all that changes what `combine` gives, as plain values.
    """

    capability: Capability
    version: int
    options: Mapping[str, Any]

    def combine(self, parents: Sequence[Answered]) -> NDArray[np.float64]:
        """Scores (N, K) of the labels, from answers to the same N samples in the same order.

        The label with the highest one is the answer, the first of several; a row of nan is none.

        Raises:
            Unavailable: the parents do not give what it takes.
        """


def derived_identity(adapter: str, model: DerivedModel, parents: Sequence[str]) -> Identity:
    """What a derived model's answers depend on.

    Args:
        adapter: its name in the entry.
        model: the model.
        parents: digest of the identity of each parent, in their order.
    """
    return Identity(
        model=f"derived:{adapter}",
        weights="",
        adapter=str(model.version),
        processor=dict(model.options),
        decoding={"parents": list(parents)},
    )


def scores_of(parents: Sequence[Answered], instead: str) -> NDArray[np.float64]:
    """The probabilities (N, P, K) of all parents, rows of nan where there are none.

    Raises:
        Unavailable: a parent gives none; `instead` says what to do.
    """
    given = [parent.probabilities for parent in parents]
    found = [scores for scores in given if scores is not None]
    if len(found) < len(given) or any((np.abs(rows.sum(axis=1) - 1) > 1e-3).any() for rows in found):
        raise Unavailable(f"A parent gives no probabilities of its labels. {instead}")
    return np.stack(found, axis=1)
