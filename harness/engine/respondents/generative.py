"""Generative models: the store keeps the probabilities of scored labels, or what was written."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.engine.asked import Asked, Images
from harness.engine.respondents.base import Key, scored_rows, softmax
from harness.engine.respondents.reading import FILTERED, combined, parsed, placed
from harness.errors import ModelError, Unavailable
from harness.identity import package_versions, versioned
from harness.models.base import Accounting, Generative, RunnableModel, takes
from harness.prompts import Prompt, Question, Reply, ask
from harness.stimuli import shown
from harness.store.answers import Store
from harness.tasks import Task, space_of
from harness.tools.third_party import warnings_never_raise

if TYPE_CHECKING:
    import pandas as pd


class GenerativeRespondent:
    """A model that is asked questions in words."""

    def __init__(self, model: RunnableModel, device: str, dtype: str, store: Store) -> None:
        self.model: Any = model
        self.identity, self.store = versioned(model.identity(device, dtype), model), store

    def asked(self, prompt: Prompt | None, task: Task) -> tuple[Asked, ...]:
        """One identity per question: what the model reads, and how its answer is taken."""
        questions = ask(prompt or Prompt(), space_of(task, "The data set"))
        for question in questions:
            mode = "score" if question.score else "generate"
            if mode not in self.model.modes:
                raise Unavailable(
                    f"{self.identity.model} gives no log-probabilities, so its answers cannot be scored. Ask "
                    "it with a prompt of mode = 'generate'."
                )
            if question.score and hasattr(self.model, "check_score"):
                self.model.check_score(question)
        return tuple(Asked(self._identity(question), question) for question in questions)

    def _identity(self, question: Question) -> Any:
        decoding: dict[str, Any] = {
            "mode": "score" if question.score else "generate",
            "repeat": question.repeat,
        }
        if question.score:
            decoding |= {"answers": question.answers, "normalise": question.normalise}
        else:
            decoding |= {"max_tokens": question.max_tokens, "temperature": 0, "json": question.json}
        return replace(
            self.identity,
            messages=(self._rendered(question),),
            label_order=question.labels if question.shown else (),
            decoding=decoding,
        )

    @warnings_never_raise()
    def _rendered(self, question: Question) -> str:
        """The text that the model reads. Kept, since rendering imports what it takes seconds to import."""
        said = json.dumps([question.system, question.text, question.prefill, question.json])
        versions = json.dumps([self.identity.adapter, package_versions("transformers", "openai")])
        template = self.model.template()

        def render() -> NDArray[Any]:
            text = np.array(self.model.render(question))
            if self.model.template() != template:
                raise ModelError(f"Files of {self.identity.model} change while they are read. Run again.")
            return text

        key = ["rendered", self.identity.model, template, versions, said]
        return str(self.store.remember(key, render))

    def lacks(self, asked: Sequence[Asked]) -> list[Asked]:
        """Nothing."""
        del asked
        return []

    def texts(self, loaded: Generative, asked: Sequence[Asked]) -> list[tuple[Key, NDArray[Any]]]:
        """Nothing."""
        del loaded, asked
        return []

    def prepare(self, loaded: Generative, images: Images, asked: Sequence[Asked]) -> Sequence[Any]:
        """Pictures as the model takes them, after its processor's work where it does that ahead."""
        del asked
        pictures = shown(images.values(), takes(self.model))
        ready: Sequence[Any] = loaded.prepare(pictures) if hasattr(loaded, "prepare") else pictures
        return ready

    def tables(self, found: list[pa.Table], images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """The rows as they are."""
        return found

    def forward(
        self, loaded: Generative, ready: Sequence[Any], images: Images, asked: Sequence[Asked]
    ) -> list[pa.Table]:
        """Scores all questions that are scored in one sweep, and has the others answered in another."""
        questions = [(one.identity, one.question) for one in asked if one.question is not None]
        to_score = [pair for pair in questions if pair[1].score]
        to_write = [pair for pair in questions if not pair[1].score]
        tables: dict[str, pa.Table] = {}
        if to_score:
            asked_for = [question for _, question in to_score]
            replies: Sequence[Sequence[Reply | None] | None] = [None] * len(to_score)
            started = time.perf_counter()
            if isinstance(loaded, Accounting):
                scores, replies = loaded.score_replies(ready, asked_for)
            else:
                scores = loaded.score(ready, asked_for)
            latency = (time.perf_counter() - started) / len(images) / len(to_score)
            for (identity, question), found, told in zip(to_score, scores, replies, strict=True):
                rows = scored_rows(images, softmax(found), question.labels, identity, latency)
                tables[identity.digest()] = rows if told is None else _with_replies(rows, told)
        if to_write:
            replies = loaded.generate(ready, [question for _, question in to_write])
            for (identity, _), written in zip(to_write, replies, strict=True):
                tables[identity.digest()] = _reply_rows(images, written)
        return [tables[one.identity.digest()] for one in asked]

    def read(
        self, rows: Sequence[pd.DataFrame], asked: Sequence[Asked], task: Task
    ) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Scores as they are; texts parsed, or placed among the labels where none were shown."""
        space = space_of(task, "The data set")
        questions = [one.question for one in asked if one.question is not None]
        stages = [
            of_one if question.score else parsed(of_one, question)
            for of_one, question in zip(rows, questions, strict=True)
        ]
        if not questions[0].shown:
            return placed(stages[0], space, self.store), space.labels
        return combined(stages, questions, space)


def _reply_rows(images: Images, replies: Sequence[Reply | None]) -> pa.Table:
    rows = [
        {
            "pixel_digest": digest,
            "outcome": "failed" if reply.text is None else "unparsable",  # until it is read
            "label": None,
            "raw_text": reply.text,
            "reason": reply.error or None,
            "latency_s": reply.latency_s,
            **_told(reply),
        }
        for digest, reply in zip(images, replies, strict=True)
        if reply is not None
    ]
    return pa.Table.from_pylist(rows, schema=REPLIES)


def _with_replies(rows: pa.Table, replies: Sequence[Reply | None]) -> pa.Table:
    """Scored rows with what their replies tell; a reply that showed no score is told from one that failed."""
    told = []
    for row, reply in zip(rows.to_pylist(), replies, strict=True):
        if reply is None:
            continue
        if row["outcome"] == "failed":
            row["reason"] = reply.error or "the first token is none of the letters"
            if reply.finish == "content_filter":
                row["outcome"] = "refusal"
                row["reason"] = FILTERED
            elif reply.text is not None:
                row["outcome"], row["raw_text"] = "unparsable", reply.text
        told.append({**row, "latency_s": reply.latency_s, **_told(reply)})
    fields = {field.name: field for field in (*rows.schema, *REPLIES)}
    return pa.Table.from_pylist(told, schema=pa.schema(list(fields.values())))


def _told(reply: Reply) -> dict[str, Any]:
    return {
        "finish": reply.finish,
        "remark": reply.remark or None,
        "thought": reply.thought,
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
        "cost": reply.cost,
    }


REPLIES = pa.schema(
    [
        ("pixel_digest", pa.string()),
        ("outcome", pa.string()),
        ("label", pa.string()),
        ("raw_text", pa.string()),
        ("reason", pa.string()),
        ("latency_s", pa.float32()),
        ("finish", pa.string()),
        ("remark", pa.string()),
        ("thought", pa.bool_()),
        ("tokens_in", pa.int64()),
        ("tokens_out", pa.int64()),
        ("cost", pa.float64()),
    ]
)
