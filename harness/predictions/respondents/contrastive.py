"""Contrastive models: the store keeps one embedding per image, so that another prompt costs only text."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.errors import ModelError
from harness.models.base import Contrastive, RunnableModel, takes
from harness.models.contrastive.zero_shot import class_weights, zero_shot_probabilities
from harness.predictions.asked import Asked, Images
from harness.predictions.respondents.reading import combined, placed, scored
from harness.predictions.store import Store
from harness.prompts import Prompt, Question, ask
from harness.stimuli import shown
from harness.tasks import Task, space_of

if TYPE_CHECKING:
    import pandas as pd


class ContrastiveRespondent:
    """A model that answers with the class whose captions are nearest to the image."""

    def __init__(self, model: RunnableModel, device: str, dtype: str, store: Store) -> None:
        self.identity, self.store, self.takes = model.identity(device, dtype), store, takes(model)

    def asked(self, prompt: Prompt | None, task: Task) -> tuple[Asked, ...]:
        """The same identity for all questions: they are put to the kept embeddings."""
        return tuple(
            Asked(self.identity, question)
            for question in ask(prompt or Prompt(), space_of(task, "The data set"))
        )

    def lacks(self, asked: Sequence[Asked]) -> bool:
        """Whether the classes of a question have not been embedded yet."""
        return any(self.store.recall(self._key(one)) is None for one in asked)

    def prepare(self, loaded: Contrastive, asked: Sequence[Asked]) -> None:
        """Embeds all classes of all questions together; words that they share are embedded once."""
        new = {json.dumps(self._key(one)): one for one in asked if self.store.recall(self._key(one)) is None}
        questions = [_question(one) for one in new.values()]
        for one, weights in zip(new.values(), class_weights(loaded, questions), strict=True):
            self.store.keep(self._key(one), weights)

    def respond(self, loaded: Contrastive, images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """Rows with one embedding each."""
        started = time.perf_counter()
        embeddings = np.asarray(loaded.embed_images(shown(images.values(), self.takes)), np.float32)
        latency = (time.perf_counter() - started) / len(images)
        finite = np.all(np.isfinite(embeddings), axis=1).tolist()
        rows = pa.table(
            {
                "pixel_digest": list(images),
                "outcome": ["parsed" if ok else "failed" for ok in finite],
                "label": pa.nulls(len(images), pa.string()),
                "raw_text": pa.nulls(len(images), pa.string()),
                "reason": [None if ok else "the model gave an embedding that is not finite" for ok in finite],
                "latency_s": np.full(len(images), latency, np.float32),
                "embedding": pa.FixedSizeListArray.from_arrays(embeddings.ravel(), embeddings.shape[1]),
            }
        )
        return [rows for _ in asked]

    def read(
        self, rows: Sequence[pd.DataFrame], asked: Sequence[Asked], task: Task
    ) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Classifies the embeddings by the classes of each question."""
        space = space_of(task, "The data set")
        stages = [self._read(one, of_one) for one, of_one in zip(asked, rows, strict=True)]
        questions = [_question(one) for one in asked]
        if not questions[0].shown:
            return placed(stages[0], space, self.store), space.labels
        return combined(stages, questions, space)

    def _read(self, asked: Asked, rows: pd.DataFrame) -> pd.DataFrame:
        question = _question(asked)
        weights = self.store.recall(self._key(asked))
        if weights is None:
            raise ModelError(
                f"The class embeddings of {asked.identity.model} are gone from {self.store.root}. Run again."
            )
        there = (rows["outcome"] == "parsed").to_numpy()
        scores: NDArray[Any] = np.full((len(rows), len(weights)), np.nan, np.float32)
        if there.any():
            embeddings = np.stack(rows.loc[there, "embedding"].tolist())
            scores[there] = zero_shot_probabilities(embeddings, weights)
        rows = rows.drop(columns="embedding", errors="ignore")
        if question.shown:
            return scored(rows, scores, question.labels)
        words = np.array([names[0] for names in question.names], object)
        rows.loc[there, "raw_text"] = words[scores[there].argmax(axis=1)]
        return rows

    def _key(self, asked: Asked) -> list[str | None]:
        question = _question(asked)
        words = json.dumps([question.captions, question.names])
        return ["class weights", self.identity.digest(), hashlib.sha256(words.encode()).hexdigest()]


def _question(asked: Asked) -> Question:
    assert asked.question is not None
    return asked.question
