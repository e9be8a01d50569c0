"""`Predictions`: the one currency between models and everything that judges them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.labels import LabelSpace
from harness.predictions.cell import Cell
from harness.prompts.prompt import Prompt
from harness.tasks import Task, space_of, task_as_dict, task_from_dict
from harness.tasks.base import answered_labels, label_indices
from harness.tools.atomic import write_atomically
from harness.tools.sealed import regular

if TYPE_CHECKING:
    import pandas as pd


OUTCOMES = ("parsed", "out_of_vocabulary", "refusal", "unparsable", "failed")
COLUMNS = (
    "sample_id",
    "rater",
    "group",
    "gold",
    "outcome",
    "label",
    "raw_text",
    "reason",
    "latency_s",
    "pixel_digest",
)
KEY = ("sample_id", "rater")  # a table without raters has one answer per sample
# What a model that counts its tokens adds; cost in US dollars.
USAGE = ("tokens_in", "tokens_out", "cost")
# What a model that writes adds: how the reply ended, and what was odd about it.
TOLD = ("finish", "remark")


@dataclass(frozen=True)
class Predictions:
    """A cell's answers, one row per sample of its dataset, in the dataset's order; none is dropped.

    Where several raters (annotators, repeats) answered, a sample has one row for each: the key is sample and
    rater. Such rows are of one group, so that they are resampled together; metrics count each of them, and
    claims ask for one answer per sample, see `one_answer_each`.

    Attributes:
        cell: where in the grid the answers belong.
        task: what was asked of each sample, and what its answers are.
        table: columns `sample_id, rater, group, gold, outcome, label, raw_text, reason, latency_s,
            pixel_digest`, the others that the task has (see `Task.columns`) and, where the model gives them,
            `score_<label>` per label of the space. They are probabilities, but for a prompt without labels:
            there they are the cosine similarities of the free answer. Models that count what they use add
            `tokens_in, tokens_out, cost`; those that write add `finish` (see `Reply`) and `remark`: what was
            odd about a reply, such as a finish reason that the harness does not know.
        prompt: how the model was asked, or None for models that read no prompt.
        repeatable: whether the same question always gets the same answer.
        marginals: who else labelled this split -> share of each label among theirs.
        content_free: label -> probability for an image without content (uniform grey), where labels are
            scored; contextual calibration divides by it.
        problems: what was left out of the dataset and why, one line each.
        unreadable: id of each image that was left out as it cannot be read -> why.
        card: that the answers are as the model's card records, with the counts; "" where it was not checked.
    """

    cell: Cell
    task: Task
    table: pd.DataFrame
    prompt: Prompt | None = None
    repeatable: bool = True
    marginals: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    content_free: Mapping[str, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    card: str = ""

    def __post_init__(self) -> None:
        unknown = set(self.table["outcome"].unique()) - set(OUTCOMES)
        if unknown:
            raise DataError(
                f"Cell {self.cell} has outcomes {sorted(unknown)}. Use one of {', '.join(OUTCOMES)}."
            )
        key = [name for name in KEY if name in self.table]
        if (twice := self.table.duplicated(key)).any():
            first = ", ".join(str(part) for part in self.table.loc[twice, key].iloc[0])
            raise DataError(
                f"Cell {self.cell} has two answers of one rater to one sample ({first}). Name each rater."
            )

    def __len__(self) -> int:
        return len(self.table)

    @property
    def space(self) -> LabelSpace:
        """The label space of the gold labels and the parsed answers.

        Raises:
            Unavailable: the task has no labels.
        """
        return space_of(self.task, self.cell.source)

    @cached_property
    def credit(self) -> NDArray[np.float64]:
        """(N,) how right each answer is, from 0 to 1; accuracy is its mean."""
        return self.task.credit(self.task.answers(self.table), self.task.targets(self.table))

    @cached_property
    def gold(self) -> NDArray[np.int64]:
        """(N,) gold label indices."""
        return label_indices(self.table["gold"], self.space)

    @cached_property
    def answers(self) -> NDArray[np.int64]:
        """(N,) answered label indices, -1 where there is no valid answer."""
        return answered_labels(self.table, self.space)

    @cached_property
    def probabilities(self) -> NDArray[np.float64] | None:
        """(N, K) scores in the order of the space (nan rows where there are none), or None."""
        columns = [] if self.task.space is None else score_columns(self.task.space)
        if not columns or not set(columns) <= set(self.table.columns):
            return None
        scores = self.table[columns].to_numpy(np.float64)
        return None if np.isnan(scores).all() else scores

    @property
    def groups(self) -> list[str]:
        """What makes samples dependent, one entry per sample."""
        return [str(group) for group in self.table["group"]]

    @cached_property
    def one_answer_each(self) -> bool:
        """Whether each sample has one row."""
        return not self.table.duplicated(["sample_id"]).any()

    def labels_by_rater(self) -> tuple[list[str], list[str], NDArray[np.int64]]:
        """Samples (N), raters (R), and (N, R) what each answered: an index into the space, -1 for nothing."""
        raters = self.table["rater"] if "rater" in self.table else self.table["sample_id"].map(lambda _: "")
        rows, samples = _codes(self.table["sample_id"])
        columns, names = _codes(raters)
        answered = np.full((len(samples), len(names)), -1, np.int64)
        answered[rows, columns] = self.answers
        return samples, names, answered

    def subset(self, keep: NDArray[np.bool_]) -> Predictions:
        """The answers to some of the samples: the rows where `keep` is true."""
        return replace(self, table=self.table[keep].reset_index(drop=True))

    def write(self, path: Path) -> None:
        """Writes one self-describing parquet file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(self.table, preserve_index=False)
        about = {
            "cell": asdict(self.cell),
            "task": task_as_dict(self.task),
            "prompt": self.prompt.as_dict() if self.prompt else None,
            "repeatable": self.repeatable,
            "marginals": {who: dict(shares) for who, shares in self.marginals.items()},
            "content_free": dict(self.content_free),
            "problems": self.problems,
            "unreadable": dict(self.unreadable),
            "card": self.card,
        }
        table = table.replace_schema_metadata(
            {**(table.schema.metadata or {}), b"harness": json.dumps(about)}
        )
        write_atomically(path, lambda file: pq.write_table(table, file, compression="zstd"))

    @classmethod
    def read(cls, path: Path) -> Predictions:
        """Reads what `write` wrote.

        Raises:
            DataError: the file is not a predictions file of this harness.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(regular(path))
            about = json.loads((table.schema.metadata or {})[b"harness"])
            prompt = about["prompt"]
            return cls(
                Cell(**about["cell"]),
                task_from_dict(about["task"]),
                table.to_pandas(),
                Prompt.from_entry(prompt, str(path)) if prompt else None,
                about["repeatable"],
                about["marginals"],
                about["content_free"],
                tuple(about.get("problems", ())),  # absent from files of before they were kept
                about.get("unreadable", {}),
                about.get("card", ""),
            )
        except (OSError, LookupError, TypeError, ValueError, AttributeError, pa.ArrowException) as error:
            raise DataError(
                f"{path} is not a predictions file ({error}). Make the report's run again."
            ) from error


def _codes(values: pd.Series[Any]) -> tuple[NDArray[np.intp], list[str]]:
    """Each value as an index into the distinct ones, which stand in the order of their first appearance."""
    import pandas as pd

    codes, distinct = pd.factorize(values)
    return codes, [str(value) for value in distinct]


def score_columns(space: LabelSpace) -> list[str]:
    """Names of the score columns, in the order of the space."""
    return [f"score_{label}" for label in space.labels]
