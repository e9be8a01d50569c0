"""The samples of a data set, each with its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.predictions.cell import Cell
from harness.predictions.table import COLUMNS, TOLD, USAGE, Predictions
from harness.tasks import Dimensions
from harness.tasks.dimensions import AXES

if TYPE_CHECKING:
    import pandas as pd

    from harness.datasets import Dataset


def join(cell: Cell, dataset: Dataset, answers: pd.DataFrame, labels: Sequence[str]) -> Predictions:
    """Gives every sample of a dataset its answer, or those of several raters.

    Args:
        cell: the cell.
        dataset: N samples.
        answers: one row per sample in the dataset's order: `outcome, label, raw_text, reason, latency_s,
            pixel_digest` and the `score_<label>` columns of the model's own labels. Where each sample has
            rows of several raters or repeats, `rater` names these and `sample_id` the sample.
        labels: the model's own labels; a label that the dataset's space does not know is an
            out-of-vocabulary answer, and scores are put into the order of the space. Of dimensions the
            scores `score_valence` and `score_arousal` are the answer, else the label is read as numbers.

    Raises:
        DataError: two score columns are about one label of the space, or a row is of no sample.
    """
    import pandas as pd

    rows = _sample_of(cell, dataset, answers)
    samples, groups = [dataset.samples[row] for row in rows], dataset.groups
    table = pd.DataFrame(
        {
            "sample_id": [sample.id for sample in samples],
            "rater": answers["rater"].to_numpy(object) if "rater" in answers else "",
            "group": [groups[row] for row in rows],
            **dataset.task.columns([s.label for s in samples], [s.target for s in samples]),
        }
    )
    for column in (*COLUMNS[4:], *(name for name in (*USAGE, *TOLD) if name in answers)):
        table[column] = answers[column].to_numpy()
    if isinstance(dataset.task, Dimensions):
        _place(table, answers, dataset.task)
    else:
        _spell(cell, dataset, table, answers, labels)
    return Predictions(cell, dataset.task, table, problems=dataset.problems, unreadable=dataset.unreadable)


def _sample_of(cell: Cell, dataset: Dataset, answers: pd.DataFrame) -> Sequence[int]:
    """The index of the sample that each row is about."""
    if "rater" not in answers:
        return range(len(dataset))
    index = {sample.id: i for i, sample in enumerate(dataset.samples)}
    if strangers := sorted({str(name) for name in answers["sample_id"]} - index.keys()):
        raise DataError(
            f"{cell.model} answers about {strangers[0]!r}, which is no sample of {dataset}. Leave that out."
        )
    return [index[str(name)] for name in answers["sample_id"]]


def _place(table: pd.DataFrame, answers: pd.DataFrame, task: Dimensions) -> None:
    """Adds valence and arousal; what is no number on the scales is out of vocabulary."""
    columns = [f"score_{axis}" for axis in AXES]
    if set(columns) <= set(answers.columns):
        values: NDArray[Any] = answers[columns].to_numpy(np.float64)
    else:
        read = [task.read(str(text)) or (np.nan, np.nan) for text in answers["label"]]
        values = np.array(read, np.float64).reshape(-1, len(AXES))
    off = (table["outcome"] == "parsed").to_numpy() & ~task.within(values)
    table.loc[off, "outcome"] = "out_of_vocabulary"
    table["label"] = None
    table[list(AXES)] = values


def _spell(
    cell: Cell, dataset: Dataset, table: pd.DataFrame, answers: pd.DataFrame, labels: Sequence[str]
) -> None:
    """Spells answers as the space does, and adds scores where there is one for each label of it."""
    known = {label: spelled for label in labels if (spelled := dataset.task.read(label)) is not None}
    parsed = table["outcome"] == "parsed"
    table.loc[parsed & ~table["label"].isin(list(known)), "outcome"] = "out_of_vocabulary"
    table["label"] = table["label"].replace({label: name for label, name in known.items() if label != name})
    sources = _score_sources(cell, answers, known)
    if len(sources) == len(dataset.space.labels):
        for label in dataset.space.labels:
            table[f"score_{label}"] = answers[sources[label]].to_numpy(np.float32)


def _score_sources(cell: Cell, answers: pd.DataFrame, known: Mapping[str, str]) -> dict[str, str]:
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
