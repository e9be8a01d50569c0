"""Contrastive models: the store keeps one embedding per image, so that another prompt costs only text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.engine.asked import Asked, Images
from harness.engine.respondents.base import Key, embedding_rows
from harness.engine.respondents.begun import Begun, Ready, begin, prepare
from harness.engine.respondents.reading import combined, placed, scored
from harness.errors import ModelError
from harness.identity import versioned
from harness.models.base import Contrastive, RunnableModel, takes
from harness.models.contrastive.zero_shot import class_weights, zero_shot_probabilities
from harness.prompts import Prompt, Question, ask
from harness.store.answers import Store
from harness.tasks import Task, space_of

if TYPE_CHECKING:
    import pandas as pd


class ContrastiveRespondent:
    """A model that answers with the class whose captions are nearest to the image."""

    def __init__(self, model: RunnableModel, device: str, dtype: str, store: Store) -> None:
        self.identity, self.store = versioned(model.identity(device, dtype), model), store
        self.takes = takes(model)

    def asked(self, prompt: Prompt | None, task: Task) -> tuple[Asked, ...]:
        """The same identity for all questions: they are put to the kept embeddings."""
        return tuple(
            Asked(self.identity, question)
            for question in ask(prompt or Prompt(), space_of(task, "The data set"))
        )

    def lacks(self, asked: Sequence[Asked]) -> list[Asked]:
        """Questions whose classes have not been embedded yet, one of each wording."""
        new = {json.dumps(self._key(one)): one for one in asked if self.store.recall(self._key(one)) is None}
        return list(new.values())

    def texts(self, loaded: Contrastive, asked: Sequence[Asked]) -> list[tuple[Key, NDArray[Any]]]:
        """The classes of all questions, embedded together; words that they share are embedded once."""
        weights = class_weights(loaded, [_question(one) for one in asked])
        return [(self._key(one), of_one) for one, of_one in zip(asked, weights, strict=True)]

    def prepare(self, loaded: Contrastive, images: Images, asked: Sequence[Asked]) -> Ready:
        """See `Steps.prepare`."""
        del asked
        return prepare(loaded, images, self.takes)

    def forward(self, loaded: Contrastive, ready: Ready, images: Images, asked: Sequence[Asked]) -> Begun:
        """Begins one embedding per picture."""
        del images, asked
        return begin(loaded, ready, loaded.embed_images)

    def tables(self, found: Begun, images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """The same rows for all questions."""
        rows = embedding_rows(images, *found.wait())
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

    def _key(self, asked: Asked) -> Key:
        question = _question(asked)
        words = json.dumps([question.captions, question.names])
        return ["class weights", self.identity.digest(), hashlib.sha256(words.encode()).hexdigest()]


def _question(asked: Asked) -> Question:
    assert asked.question is not None
    return asked.question
