"""The shape of tasks, which `Choice`, `Votes` and `Dimensions` have; nobody subclasses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.errors import Unavailable, UsageError
from harness.labels import LabelSpace

if TYPE_CHECKING:
    import pandas as pd

Target = tuple[float, ...]  # of one sample; () where its label says all


@runtime_checkable
class Task(Protocol):
    """What a data set asks about each of its samples.

    Attributes:
        name: `choice`, `votes` or `dimensions`, by which claims and metrics say what they need.
        asks: what is asked for, in words that end a message.
        space: the labels that an answer is one of, or None where it is no label.
    """

    @property
    def name(self) -> str:
        """See above."""

    @property
    def asks(self) -> str:
        """See above."""

    @property
    def space(self) -> LabelSpace | None:
        """See above."""

    def check(self, label: str, target: Target) -> None:
        """Refuses a sample that is not labelled as the task asks.

        Raises:
            UsageError: the label is unknown, or the target has another form.
        """

    def columns(self, labels: Sequence[str], targets: Sequence[Target]) -> dict[str, Any]:
        """The columns of a table of predictions, `gold` first, that hold what N samples are labelled."""

    def targets(self, table: pd.DataFrame) -> NDArray[Any]:
        """What was asked for, (N, ...), from the columns of `columns`."""

    def answers(self, table: pd.DataFrame) -> NDArray[Any]:
        """What was answered, (N, ...), -1 or nan for no valid answer, from a table of predictions."""

    def read(self, text: str) -> Any | None:
        """One answer from a text that gives nothing else, such as a field of a CSV file; None for none."""

    def credit(self, answers: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.float64]:
        """How right each answer is: (N,) from 0 to 1, 0 for no valid answer. Accuracy is its mean."""


def space_of(task: Task, who: str) -> LabelSpace:
    """The labels of a task, for what can do nothing without.

    Args:
        task: the task.
        who: whose task it is, as the message begins.

    Raises:
        Unavailable: its answers are no labels.
    """
    if task.space is None:
        raise Unavailable(f"{who} asks for {task.asks}, and this needs labels. Use a data set with labels.")
    return task.space


def credit_of_labels(shares: NDArray[np.float64], answers: NDArray[np.int64]) -> NDArray[np.float64]:
    """What each answered label is worth: (N,) from shares (N, K); 0 for -1."""
    if shares.shape[0] != len(answers) or shares.ndim != 2:
        raise UsageError(f"Expected one target per answer, but got {shares.shape} for {len(answers)}.")
    taken = np.take_along_axis(shares, np.maximum(answers, 0)[:, None], axis=1)[:, 0]
    credit: NDArray[np.float64] = np.where(answers >= 0, taken, 0.0)
    return credit


def label_indices(labels: Any, space: LabelSpace) -> NDArray[np.int64]:
    """(N,) indices of labels as the space spells them, -1 for anything else."""
    import pandas as pd

    known = pd.Index(list(space.labels), dtype=object)
    found: NDArray[np.int64] = known.get_indexer(pd.Index(np.asarray(labels, object))).astype(np.int64)
    return found


def answered_labels(table: pd.DataFrame, space: LabelSpace) -> NDArray[np.int64]:
    """(N,) indices of the answered labels, -1 where there is no valid answer."""
    return label_indices(table["label"].where(table["outcome"] == "parsed"), space)


def read_label(text: str, space: LabelSpace) -> str | None:
    """The label that a text spells, in any case or by a synonym; None for none."""
    try:
        return space.resolve(text)
    except UsageError:
        return None
