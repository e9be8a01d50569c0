"""The predictions of a derived model, from those of its parents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError
from harness.predictions.cell import Cell
from harness.predictions.table import USAGE, Predictions, score_columns

if TYPE_CHECKING:
    from harness.models.derived import DerivedModel


def derive(cell: Cell, model: DerivedModel, parents: Sequence[Predictions]) -> Predictions:
    """One answer per sample, with what the answers of the parents took together.

    Args:
        cell: the derived model's.
        model: the derived model.
        parents: predictions on the same samples; each may have several rows per sample.

    Raises:
        DataError: the parents are not about the same samples, or the scores have another shape.
        Unavailable: the parents do not give what the model takes.
    """
    first = parents[0]
    samples = first.labels_by_rater()[0]
    for other in parents[1:]:
        if other.task != first.task or other.labels_by_rater()[0] != samples:
            raise DataError(
                f"{other.cell} and {first.cell}, the parents of {cell.model}, are not about the same "
                "samples. Ask both about one data set."
            )
    scores = np.asarray(model.combine(parents), np.float64)
    if scores.shape != (len(samples), len(first.space)):
        raise DataError(
            f"{cell.model} gave scores of shape {scores.shape} for {len(samples)} samples and "
            f"{len(first.space)} labels. Correct its adapter."
        )
    table = first.table.drop_duplicates("sample_id").reset_index(drop=True)
    table = table[["sample_id", "group", *first.task.columns([], []), "pixel_digest"]]
    answered = np.asarray(np.isfinite(scores).all(axis=1))
    labels = np.array(first.space.labels, object)
    table["rater"] = ""
    table["outcome"] = np.where(answered, "parsed", _silence(parents))
    table["label"] = labels[np.nan_to_num(scores, nan=-1.0).argmax(axis=1)]
    table["raw_text"] = None
    table["reason"] = "no parent has an answer from which this one follows"
    table["label"] = table["label"].where(answered, None)
    table["reason"] = table["reason"].astype(object).where(~answered, None)
    for column in ("latency_s", *USAGE):
        spent = [_per_sample(parent, column) for parent in parents if column in parent.table]
        if spent:
            table[column] = np.sum(spent, axis=0)
    table[score_columns(first.space)] = scores
    problems = dict.fromkeys(line for parent in parents for line in parent.problems)
    unreadable = {name: why for parent in parents for name, why in parent.unreadable.items()}
    return Predictions(cell, first.task, table, problems=tuple(problems), unreadable=unreadable)


def _silence(parents: Sequence[Predictions]) -> np.ndarray:
    """What stands where nothing follows: `failed` where some parent failed, as that is missing data."""
    failed = [
        parent.table["outcome"].eq("failed").groupby(parent.table["sample_id"], sort=False).any().to_numpy()
        for parent in parents
    ]
    return np.where(np.any(failed, axis=0), "failed", "unparsable")


def _per_sample(parent: Predictions, column: str) -> np.ndarray:
    rows = parent.table[column].fillna(0).astype(float)
    total: np.ndarray = rows.groupby(parent.table["sample_id"], sort=False).sum().to_numpy()
    return total
