"""What a respondent is, and the rows that all of them make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.engine.asked import Asked, Images
from harness.errors import ModelError
from harness.identity import Identity
from harness.prompts import Prompt
from harness.tasks import Task

if TYPE_CHECKING:
    import pandas as pd


Key: TypeAlias = list[str | None]


class Respondent(Protocol):
    """A model, as the engine and the store know it.

    Attributes:
        identity: of the model, before anything is asked.
    """

    identity: Identity

    def asked(self, prompt: Prompt | None, task: Task) -> tuple[Asked, ...]:
        """What the store must hold for one prompt; several where a prompt has several questions.

        Raises:
            Unavailable: the model cannot be asked so; the message says how it can.
            UsageError: the prompt does not fit the task.
        """

    def lacks(self, asked: Sequence[Asked]) -> list[Asked]:
        """The questions for which something besides rows is missing that takes the loaded model."""

    def texts(self, loaded: Any, asked: Sequence[Asked]) -> list[tuple[Key, NDArray[Any]]]:
        """What `lacks` tells of: arrays for the store, by their keys."""

    def prepare(self, loaded: Any, images: Images, asked: Sequence[Asked]) -> Any:
        """See `Steps.prepare`."""

    def forward(self, loaded: Any, ready: Any, images: Images, asked: Sequence[Asked]) -> Any:
        """See `Steps.forward`."""

    def tables(self, found: Any, images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
        """See `Steps.tables`."""

    def read(
        self, rows: Sequence[pd.DataFrame], asked: Sequence[Asked], task: Task
    ) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Rows of the store, in the order of the samples, as answers; and the labels they are given in."""


def scored_rows(
    images: Images, scores: NDArray[Any], labels: Sequence[str], identity: Identity, latency: float
) -> pa.Table:
    """Rows of probabilities (N, K): the highest one is the answer.

    Raises:
        ModelError: the scores have another shape.
    """
    if scores.shape != (len(images), len(labels)):
        raise ModelError(
            f"{identity.model} gave scores of shape {scores.shape} for {len(images)} images and "
            f"{len(labels)} labels. Its card and its weights disagree."
        )
    finite = np.all(np.isfinite(scores), axis=1).tolist()
    best = [labels[i] for i in np.where(np.isfinite(scores), scores, -np.inf).argmax(axis=1)]
    # An arrow table at once: by way of pandas it takes ten times as long, 2 ms of each batch.
    return pa.table(
        {
            "pixel_digest": list(images),
            "outcome": ["parsed" if ok else "failed" for ok in finite],
            "label": [label if ok else None for label, ok in zip(best, finite, strict=True)],
            "raw_text": pa.nulls(len(images), pa.string()),
            "reason": [None if ok else "the model gave scores that are not finite" for ok in finite],
            "latency_s": np.full(len(images), latency, np.float32),
            **{
                f"score_{label}": np.ascontiguousarray(scores[:, i], np.float32)
                for i, label in enumerate(labels)
            },
        }
    )


def embedding_rows(images: Images, embeddings: NDArray[Any], latency: float) -> pa.Table:
    """Rows with one embedding (D,) each; one that is not finite is a failure."""
    embeddings = np.asarray(embeddings, np.float32)
    finite = np.all(np.isfinite(embeddings), axis=1).tolist()
    return pa.table(
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


def softmax(scores: NDArray[Any]) -> NDArray[np.float64]:
    """Softmax over the last axis, in float64."""
    shifted = np.exp(scores.astype(np.float64) - scores.max(axis=-1, keepdims=True))
    result: NDArray[np.float64] = shifted / shifted.sum(axis=-1, keepdims=True)
    return result
