"""Classifiers: the store keeps their probabilities."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from numpy.typing import NDArray

from harness.engine.asked import Asked, Images
from harness.engine.respondents.base import Key, scored_rows
from harness.engine.respondents.features import feature_rows
from harness.identity import versioned
from harness.models.base import Classifier, RunnableModel, takes
from harness.predictions.store import Store
from harness.prompts import Prompt
from harness.stimuli import shown
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

    def prepare(self, loaded: Classifier, asked: Sequence[Asked]) -> list[tuple[Key, NDArray[Any]]]:
        """Nothing."""
        del loaded, asked
        return []

    def respond(self, loaded: Classifier, images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """See `Respondent.respond`."""
        wanted = {one.features for one in asked}
        tables = {features: self._rows(loaded, images, features=features) for features in wanted}
        return [tables[one.features] for one in asked]

    def _rows(self, loaded: Classifier, images: Images, *, features: bool) -> pa.Table:
        if features:
            return feature_rows(loaded, images, takes(self.model))
        started = time.perf_counter()
        scores = loaded.classify(shown(images.values(), takes(self.model)))
        latency = (time.perf_counter() - started) / len(images)
        return scored_rows(images, scores, self.model.labels, self.identity, latency)

    def read(
        self, rows: Sequence[pd.DataFrame], asked: Sequence[Asked], task: Task
    ) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The rows as they are."""
        del asked, task
        return rows[0], self.model.labels
