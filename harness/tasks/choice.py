"""One label out of several, of which one is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.labels import LabelSpace
from harness.tasks.base import Target, answered_labels, label_indices, read_label

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Choice:
    """An exclusive label per sample.

    Attributes:
        space: the labels.
    """

    space: LabelSpace
    name: ClassVar[str] = "choice"

    @property
    def asks(self) -> str:
        """See `Task`."""
        return f"one of {', '.join(self.space.labels)}"

    def check(self, label: str, target: Target) -> None:
        """See `Task.check`."""
        self.space.index(label)
        if target:
            raise UsageError(
                f"A sample labelled {label!r} has the target {target}, too. Leave it out, or make the task "
                "Votes."
            )

    def columns(self, labels: Sequence[str], targets: Sequence[Target]) -> dict[str, Any]:
        """`gold`."""
        del targets
        return {"gold": list(labels)}

    def targets(self, table: pd.DataFrame) -> NDArray[np.int64]:
        """(N,) gold label indices."""
        return label_indices(table["gold"], self.space)

    def answers(self, table: pd.DataFrame) -> NDArray[np.int64]:
        """(N,) answered label indices, -1 where there is no valid answer."""
        return answered_labels(table, self.space)

    def read(self, text: str) -> str | None:
        """The label that a text spells."""
        return read_label(text, self.space)

    def credit(self, answers: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float64]:
        """1 for the right label, else 0.

        >>> Choice(LabelSpace.of("mine", ("happy", "sad"))).credit(np.array([1, 0, -1]), np.array([1, 1, 1]))
        array([1., 0., 0.])
        """
        right: NDArray[np.float64] = ((answers == targets) & (answers >= 0)).astype(np.float64)
        return right
