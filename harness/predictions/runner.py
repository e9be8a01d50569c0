"""Makes the answers that the store lacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from harness.datasets import Dataset
from harness.errors import DataError, HarnessError, ModelError
from harness.identity import Identity
from harness.models.base import Classifier
from harness.predictions.store import ROW_COLUMNS, Store

Images = Mapping[str, NDArray[np.uint8]]  # by pixel digest


@dataclass(frozen=True)
class Work:
    """What is missing of one respondent on one dataset.

    Attributes:
        digests: pixel digest per sample, "" where the image is unreadable.
        unreadable: sample index -> why.
        missing: sample indices to compute, one per distinct image.
        failed: digests of the images among them that the model has failed on before.
    """

    digests: list[str]
    unreadable: dict[int, str]
    missing: list[int]
    failed: frozenset[str] = frozenset()


def find_work(identity: Identity, dataset: Dataset, store: Store) -> Work:
    """Compares a dataset with the store. Failures are work again; copies of one image are one work item."""
    digests, unreadable = [], {}
    for index in range(len(dataset.samples)):
        try:
            digests.append(dataset.digest(index))
        except DataError as error:
            digests.append("")
            unreadable[index] = str(error)
    stored = store.read(identity)
    failed = frozenset(stored.index[stored["outcome"] == "failed"])
    seen = set(stored.index) - failed | {""}
    missing = []
    for index, digest in enumerate(digests):
        if digest not in seen:
            seen.add(digest)
            missing.append(index)
    return Work(digests, unreadable, missing, failed)


def compute(
    work: Work,
    identity: Identity,
    dataset: Dataset,
    classifier: Classifier,
    store: Store,
    *,
    batch_size: int = 64,
    progress: Callable[[int], Any] = lambda done: None,
) -> None:
    """Computes and stores the missing answers, batch by batch; each batch is safe once it is done.

    The batch size halves when memory runs out and stays there. An image that makes the model fail is
    stored as a failure with its reason.

    Args:
        progress: called with the number of images of each finished batch.

    Raises:
        ModelError: the model fails on every image of a batch that it has not failed on before, or has no
            memory for a single one.
        StoreError: an answer cannot be kept.
    """
    position = 0
    while position < len(work.missing):
        indices = work.missing[position : position + batch_size]
        images = {work.digests[index]: dataset.pixels(index) for index in indices}
        try:
            rows = _answer(images, identity, classifier)
        except Exception as error:
            if isinstance(error, HarnessError):
                raise
            if _out_of_memory(error):
                if len(indices) == 1:
                    raise ModelError(
                        f"{identity.model} has no memory for even one image on {identity.device} ({error}). "
                        "Use a smaller model, a smaller --dtype or another --device."
                    ) from error
                batch_size = max(1, len(indices) // 2)
                continue
            fresh = len(images.keys() - work.failed)
            # The last batch may hold a single image: that one failing says nothing about the others.
            rows = _answer_singly(images, identity, classifier, may_all_fail=fresh < (2 if position else 1))
        store.write(identity, rows)
        position += len(indices)
        progress(len(indices))
    store.compact(identity)


def _answer(images: Images, identity: Identity, classifier: Classifier) -> pa.Table:
    started = time.perf_counter()
    scores = classifier.classify(list(images.values()))
    latency = (time.perf_counter() - started) / len(images)
    if scores.shape != (len(images), len(identity.labels)):
        raise ModelError(
            f"{identity.model} gave scores of shape {scores.shape} for {len(images)} images and "
            f"{len(identity.labels)} labels. Its card and its weights disagree."
        )
    finite = np.all(np.isfinite(scores), axis=1).tolist()
    best = [identity.labels[i] for i in np.where(np.isfinite(scores), scores, -np.inf).argmax(axis=1)]
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
                for i, label in enumerate(identity.labels)
            },
        }
    )


def _answer_singly(
    images: Images, identity: Identity, classifier: Classifier, *, may_all_fail: bool
) -> pa.Table:
    rows, errors = [], []
    for digest, image in images.items():
        try:
            rows.append(_answer({digest: image}, identity, classifier))
        except Exception as error:
            if isinstance(error, HarnessError) or _out_of_memory(error):
                raise
            errors.append(error)
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
            failure = {"pixel_digest": digest, "outcome": "failed", "label": None, "reason": reason}
            rows.append(pa.Table.from_pylist([failure]))
    if len(errors) == len(images) and not may_all_fail:
        raise ModelError(f"{identity.model} fails on every image of a batch: {errors[0]}.") from errors[0]
    return pa.concat_tables(rows, promote_options="permissive")


def _out_of_memory(error: Exception) -> bool:
    # torch.OutOfMemoryError on CUDA; on CPU a RuntimeError that only its text tells apart.
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and "memory" in str(error).lower())
    )


def collect(work: Work, identity: Identity, store: Store) -> pd.DataFrame:
    """One row per sample, in the dataset's order, from the store; what is not there is a failure."""
    stored = store.read(identity)
    rows = stored.reindex(work.digests).reset_index(names="pixel_digest")
    for column in ROW_COLUMNS[1:]:
        if column not in rows:
            rows[column] = None
    absent = rows["outcome"].isna()
    rows.loc[absent, "outcome"] = "failed"
    rows.loc[absent, "reason"] = "not computed"
    for index, reason in work.unreadable.items():
        rows.loc[index, "reason"] = reason
    return rows
