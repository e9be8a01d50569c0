"""Any outside system as a model: its predictions in a CSV file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError, UsageError
from harness.models.base import KINDS, Context, Kind

if TYPE_CHECKING:
    import pandas as pd

    from harness.datasets import Dataset


class PredictionsCsv:
    """Answers read from `sample_id,label[,score_<label>...]`, one row per sample.

    Args:
        context: where the file is looked for.
        path: the CSV file.
        kind: what the system is: classifier (a CNN), contrastive or generative (a VLM).
        restoration: what had been done to the pixels that it saw.

    Raises:
        Unavailable: the file is absent.
        DataError: the file is not such a table.
        UsageError: the kind is unknown.
    """

    def __init__(
        self, *, context: Context, path: str, kind: str = "classifier", restoration: str = "none"
    ) -> None:
        if kind not in KINDS:
            raise UsageError(f"Expected `kind` to be one of {', '.join(KINDS)}, but got {kind}.")
        self.kind: Kind = kind
        self.restoration = restoration
        self.path = context.find(path)
        self.table = read_predictions(self.path)
        names = [str(column) for column in self.table]
        scores = [name.removeprefix("score_") for name in names if name.startswith("score_")]
        answered = {str(label) for label in self.table["label"].dropna()}
        self.labels = (*scores, *sorted(answered - set(scores)))

    def answers(self, dataset: Dataset) -> pd.DataFrame:
        """See `TableModel.answers`.

        Raises:
            DataError: no row belongs to the dataset.
        """
        ids = [sample.id for sample in dataset.samples]
        known = self.table.index.intersection(ids)
        if known.empty:
            raise DataError(
                f"No sample_id of {self.path} is in {dataset}, whose ids look like {ids[0]}. "
                "Use the dataset's ids or name another split."
            )
        rows = self.table.reindex(ids)
        present = rows.index.isin(known)
        answered = rows["label"].notna().to_numpy()
        rows["outcome"] = np.where(answered, "parsed", np.where(present, "unparsable", "failed"))
        rows["reason"] = [None if there else f"no row in {self.path.name}" for there in present]
        rows["raw_text"] = rows["label"]
        rows["latency_s"] = np.nan
        rows["pixel_digest"] = ""
        return rows.reset_index(drop=True)


def read_predictions(path: Path) -> pd.DataFrame:
    """Reads a predictions CSV, indexed by sample_id.

    Raises:
        DataError: unreadable, a column is missing, an id stands twice or a score is not a number.
    """
    import pandas as pd

    try:
        table = pd.read_csv(
            path, dtype={"sample_id": str, "label": str}, keep_default_na=False, na_values=[""]
        )
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is not a readable CSV file ({error}). Use sample_id,label[,score_<label>...]."
        ) from error
    absent = {"sample_id", "label"} - set(table.columns)
    if absent:
        raise DataError(
            f"{path} has no column {' and '.join(sorted(absent))}. "
            "Use the header sample_id,label[,score_<label>...]."
        )
    twice = table["sample_id"][table["sample_id"].duplicated()]
    if not twice.empty:
        raise DataError(
            f"{path} answers {twice.iloc[0]} twice ({len(twice)} rows too many). Keep one row per sample."
        )
    for column in table:
        if str(column).startswith("score_") and not pd.api.types.is_numeric_dtype(table[column]):
            raise DataError(
                f"Column {column} of {path} holds something that is not a number. Write scores as decimals."
            )
    return table.set_index("sample_id")
