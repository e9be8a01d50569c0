"""Classifiers: the store keeps their probabilities."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from harness.models.base import Classifier, RunnableModel, takes
from harness.predictions.asked import Asked, Images
from harness.predictions.respondents.base import scored_rows
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
        self.model, self.identity = model, model.identity(device, dtype)

    def asked(self, prompt: Prompt | None, task: Task) -> tuple[Asked, ...]:
        """See `Respondent.asked`."""
        del prompt, task
        return (Asked(self.identity),)

    def lacks(self, asked: Sequence[Asked]) -> bool:
        """Never."""
        del asked
        return False

    def prepare(self, loaded: Classifier, asked: Sequence[Asked]) -> None:
        """Nothing."""

    def respond(self, loaded: Classifier, images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """See `Respondent.respond`."""
        started = time.perf_counter()
        scores = loaded.classify(shown(images.values(), takes(self.model)))
        latency = (time.perf_counter() - started) / len(images)
        table = scored_rows(images, scores, self.model.labels, self.identity, latency)
        return [table for _ in asked]

    def read(
        self, rows: Sequence[pd.DataFrame], asked: Sequence[Asked], task: Task
    ) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """The rows as they are."""
        del asked, task
        return rows[0], self.model.labels
