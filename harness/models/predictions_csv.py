"""Any outside system as a model: its predictions in a CSV file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError, UsageError
from harness.models.base import Capability, Context
from harness.models.csv_checks import check_against
from harness.models.csv_table import SCORE, read_predictions, score_names, with_labels

if TYPE_CHECKING:
    import pandas as pd

    from harness.datasets import Dataset


class PredictionsCsv:
    """Answers read from `sample_id,label[,score_<label>...]`, one row per sample.

    More columns are read where they are there, and are written by `harness predict --out`: `outcome`, which
    says of an answer that it is none; `raw_text`, what was said; `reason`, why there is no answer; `gold`,
    which is held against the data set.

    Args:
        context: where the file is looked for.
        path: the CSV file.
        restoration: what had been done to the pixels that it saw.
        labels: what the file's own labels stand for, in its rows and in the names of its score columns: a
            list for the numbers 0, 1, ..., or what is written -> label. None where they are labels.

    Raises:
        Unavailable: the file is absent.
        DataError: the file is not such a table.
        UsageError: `labels` is of another form.
    """

    capability: Capability = "published"

    def __init__(
        self,
        *,
        context: Context,
        path: str,
        restoration: str = "none",
        labels: Sequence[str] | Mapping[str, str] | None = None,
    ) -> None:
        self.restoration = restoration
        self.path = context.find(path)
        self.table, self.dropped = read_predictions(self.path)
        if labels is not None:
            self.table = with_labels(self.table, _checked(labels))
        if twice := [name for name in score_names(self.table) if list(self.table).count(name) > 1]:
            raise DataError(f"{self.path} has the column {twice[0]} twice. Correct `labels`.")
        scores = [name.removeprefix(SCORE) for name in score_names(self.table)]
        answered = {str(label) for label in self.table["label"].dropna()}
        self.labels = (*scores, *sorted(answered - set(scores)))
        self.problems = lru_cache(maxsize=8)(self._problems)

    def _problems(self, dataset: Dataset) -> tuple[str, ...]:
        """What of the file was not read or does not fit the data set, one line each.

        Raises:
            DataError: most of it does not fit.
        """
        return (*self.dropped, *check_against(self.table, dataset, self.path))

    def answers(self, dataset: Dataset) -> pd.DataFrame:
        """See `TableModel.answers`.

        Raises:
            DataError: most of the file does not fit the data set.
        """
        self.problems(dataset)
        ids = [sample.id for sample in dataset.samples]
        rows = self.table.reindex(ids)
        present = rows.index.isin(self.table.index)
        answered = rows["label"].notna().to_numpy()
        told = np.where(answered, "parsed", np.where(present, "unparsable", "failed"))
        for column in ("outcome", "raw_text", "reason"):
            rows[column] = rows[column].astype(object) if column in rows else None
        rows["outcome"] = rows["outcome"].where(rows["outcome"].notna(), told)
        rows["raw_text"] = rows["raw_text"].where(rows["raw_text"].notna(), rows["label"])
        rows["reason"] = rows["reason"].where(present, f"no row in {self.path.name}")
        rows["latency_s"] = np.nan
        rows["pixel_digest"] = ""
        # What is not there is None, as in the rows of the models that answer here.
        texts = [name for name in ("label", "raw_text", "reason", "remark") if name in rows]
        rows[texts] = rows[texts].astype(object).where(rows[texts].notna(), None)
        return rows.reset_index(drop=True)


def _checked(labels: object) -> Sequence[str] | Mapping[str, str]:
    names = list(labels.values()) if isinstance(labels, Mapping) else labels
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise UsageError(
            f"Expected `labels` of a predictions CSV to be a list of labels, for the numbers from 0 on, or a "
            f"table of what is written and its label, but got {labels!r}."
        )
    if isinstance(labels, Mapping):
        return {str(text): str(name) for text, name in labels.items()}
    return names
