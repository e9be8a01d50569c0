"""`Predictions`: the one currency between models and everything that judges them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.atomic import write_atomically
from harness.errors import DataError, UsageError
from harness.labels import LabelSpace
from harness.predictions.cell import Cell
from harness.prompts.prompt import Prompt
from harness.sealed import regular

if TYPE_CHECKING:
    import pandas as pd

    from harness.datasets import Dataset

OUTCOMES = ("parsed", "out_of_vocabulary", "refusal", "unparsable", "failed")
COLUMNS = (
    "sample_id",
    "group",
    "gold",
    "outcome",
    "label",
    "raw_text",
    "reason",
    "latency_s",
    "pixel_digest",
)
# What a model that counts its tokens adds; cost in US dollars.
USAGE = ("tokens_in", "tokens_out", "cost")
# What a model that writes adds: how the reply ended, and what was odd about it.
TOLD = ("finish", "remark")


@dataclass(frozen=True)
class Predictions:
    """A cell's answers, one row per sample of its dataset, in the dataset's order; none is dropped.

    Attributes:
        cell: where in the grid the answers belong.
        space: the label space of the gold labels and the parsed answers.
        table: columns `sample_id, group, gold, outcome, label, raw_text, reason, latency_s, pixel_digest`
            and, where the model gives them, `score_<label>` per label of the space. They are probabilities,
            but for a prompt without labels: there they are the cosine similarities of the free answer.
            Models that count what they use add `tokens_in, tokens_out, cost`; those that write add
            `finish` (see `Reply`) and `remark`: what was odd about a reply, such as a finish reason that
            the harness does not know.
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
    space: LabelSpace
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

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def gold(self) -> NDArray[np.int64]:
        """(N,) gold label indices."""
        return self._indices(self.table["gold"])

    @cached_property
    def answers(self) -> NDArray[np.int64]:
        """(N,) answered label indices, -1 where there is no valid answer."""
        return self._indices(self.table["label"].where(self.table["outcome"] == "parsed"))

    @cached_property
    def probabilities(self) -> NDArray[np.float64] | None:
        """(N, K) scores in the order of the space (nan rows where there are none), or None."""
        columns = score_columns(self.space)
        if not set(columns) <= set(self.table.columns):
            return None
        scores = self.table[columns].to_numpy(np.float64)
        return None if np.isnan(scores).all() else scores

    @property
    def groups(self) -> list[str]:
        """What makes samples dependent, one entry per sample."""
        return [str(group) for group in self.table["group"]]

    def _indices(self, labels: pd.Series[Any]) -> NDArray[np.int64]:
        import pandas as pd

        known = pd.Index(list(self.space.labels), dtype=object)
        indices: NDArray[np.int64] = known.get_indexer(pd.Index(labels.to_numpy(object))).astype(np.int64)
        return indices

    def subset(self, keep: NDArray[np.bool_]) -> Predictions:
        """The answers to some of the samples: those where `keep` (N,) is true."""
        return replace(self, table=self.table[keep].reset_index(drop=True))

    def write(self, path: Path) -> None:
        """Writes one self-describing parquet file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(self.table, preserve_index=False)
        about = {
            "cell": asdict(self.cell),
            "space": {"name": self.space.name, "labels": self.space.labels, "concepts": self.space.concepts},
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
            space, prompt = about["space"], about["prompt"]
            return cls(
                Cell(**about["cell"]),
                LabelSpace(space["name"], tuple(space["labels"]), tuple(space["concepts"])),
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


def score_columns(space: LabelSpace) -> list[str]:
    """Names of the score columns, in the order of the space."""
    return [f"score_{label}" for label in space.labels]


def join(cell: Cell, dataset: Dataset, answers: pd.DataFrame, labels: Sequence[str]) -> Predictions:
    """Gives every sample of a dataset its answer.

    Args:
        cell: the cell.
        dataset: N samples.
        answers: one row per sample in the dataset's order: `outcome, label, raw_text, reason, latency_s,
            pixel_digest` and the `score_<label>` columns of the model's own labels.
        labels: the model's own labels; a label that the dataset's space does not know is an
            out-of-vocabulary answer, and scores are put into the order of the space.

    Raises:
        DataError: two score columns are about one label of the space.
    """
    import pandas as pd

    known = {label: spelled for label in labels if (spelled := _spelled(dataset.space, label)) is not None}
    table = pd.DataFrame(
        {
            "sample_id": [sample.id for sample in dataset.samples],
            "group": dataset.groups,
            "gold": [sample.label for sample in dataset.samples],
        }
    )
    for column in (*COLUMNS[3:], *(name for name in (*USAGE, *TOLD) if name in answers)):
        table[column] = answers[column].to_numpy()
    parsed = table["outcome"] == "parsed"
    table.loc[parsed & ~table["label"].isin(list(known)), "outcome"] = "out_of_vocabulary"
    table["label"] = table["label"].replace({label: name for label, name in known.items() if label != name})
    sources = _score_sources(cell, answers, known)
    if len(sources) == len(dataset.space.labels):
        for label in dataset.space.labels:
            table[f"score_{label}"] = answers[sources[label]].to_numpy(np.float32)
    return Predictions(cell, dataset.space, table, problems=dataset.problems, unreadable=dataset.unreadable)


def _score_sources(cell: Cell, answers: pd.DataFrame, known: dict[str, str]) -> dict[str, str]:
    """Label of the space -> the score column that is about it."""
    sources: dict[str, str] = {}
    for label, spelled in known.items():
        column = f"score_{label}"
        if column in answers and sources.setdefault(spelled, column) != column:
            raise DataError(
                f"{cell.model} scores {spelled} twice, as {sources[spelled]} and as {column}. "
                "Keep one score per label."
            )
    return sources


def _spelled(space: LabelSpace, label: str) -> str | None:
    try:
        return space.resolve(label)
    except UsageError:
        return None
