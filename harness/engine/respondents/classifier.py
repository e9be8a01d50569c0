"""Classifiers: the store keeps their probabilities, and where it is asked for their features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from numpy.typing import NDArray

from harness.engine.asked import Asked, Images
from harness.engine.respondents.base import Key, embedding_rows, scored_rows
from harness.engine.respondents.begun import Begun, Ready, begin, prepare
from harness.engine.respondents.features import features
from harness.identity import versioned
from harness.models.base import Classifier, RunnableModel, takes
from harness.prompts import Prompt
from harness.store.answers import Store
from harness.tasks import Task

if TYPE_CHECKING:
    import pandas as pd


class ClassifierRespondent:
    """A model that reads no prompt and answers with the labels it was trained with."""

    def __init__(self, model: RunnableModel, device: str, dtype: str, store: Store) -> None:
        del store
        self.model, self.identity = model, versioned(model.identity(device, dtype), model)

    def asked(self, prompt: Prompt | None, task: Task) -> tuple[Asked, ...]:
        """See `Respondent.asked`."""
        del prompt, task
        return (Asked(self.identity),)

    def lacks(self, asked: Sequence[Asked]) -> list[Asked]:
        """Nothing."""
        del asked
        return []

    def texts(self, loaded: Classifier, asked: Sequence[Asked]) -> list[tuple[Key, NDArray[Any]]]:
        """Nothing."""
        del loaded, asked
        return []

    def prepare(self, loaded: Classifier, images: Images, asked: Sequence[Asked]) -> Ready:
        """See `Steps.prepare`."""
        del asked
        return prepare(loaded, images, takes(self.model))

    def forward(
        self, loaded: Classifier, ready: Ready, images: Images, asked: Sequence[Asked]
    ) -> dict[bool, Begun]:
        """Begins answers, features or both."""
        del images
        found: dict[bool, Begun] = {}
        for wanted in {one.features for one in asked}:
            if wanted:
                found[wanted] = begin(loaded, replace(ready, prepared=None), partial(features, loaded))
            else:
                found[wanted] = begin(loaded, ready, loaded.classify)
        return found

    def tables(self, found: dict[bool, Begun], images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """See `Steps.tables`."""
        made = {wanted: self._table(*begun.wait(), images, wanted) for wanted, begun in found.items()}
        return [made[one.features] for one in asked]

    def _table(self, numbers: NDArray[Any], latency: float, images: Images, of_features: bool) -> pa.Table:
        if of_features:
            return embedding_rows(images, numbers, latency)
        return scored_rows(images, numbers, self.model.labels, self.identity, latency)

    def read(
        self, rows: Sequence[pd.DataFrame], asked: Sequence[Asked], task: Task
    ) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The rows as they are."""
        del asked, task
        return rows[0], self.model.labels
