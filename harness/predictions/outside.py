"""Answers that were given elsewhere, as predictions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.predictions.cell import Cell
from harness.predictions.joining import join
from harness.predictions.table import Predictions

if TYPE_CHECKING:
    from harness.datasets import Dataset
    from harness.models import TableModel


def join_table(cell: Cell, dataset: Dataset, model: TableModel) -> Predictions:
    """Gives every sample of a data set the answer that a model gave elsewhere, and says what does not fit.

    Raises:
        DataError: the answers are about something else.
    """
    predictions = join(cell, dataset, model.answers(dataset), model.labels)
    problems = model.problems(dataset) if hasattr(model, "problems") else ()
    return replace(predictions, problems=(*predictions.problems, *problems))
