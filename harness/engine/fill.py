"""Makes the answers that the store lacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pandas as pd
import pyarrow as pa

from harness.datasets import Dataset
from harness.engine.asked import Asked, Images
from harness.errors import DataError, HarnessError, ModelError, StoreError, Unavailable, out_of_memory
from harness.identity import Identity
from harness.predictions.store import ROW_COLUMNS, Store
from harness.slow_paths import note
from harness.stimuli import Stimulus
from harness.third_party import warnings_never_raise

# A sweep writes one shard per question and batch. Merged now and then, a night's work does not end in a
# hundred thousand files, and what is merged again and again costs a hundredth of what the model takes.
SHARDS = 64

Respond: TypeAlias = Callable[[Images, Sequence[Asked]], list[pa.Table]]


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
    digests = [digest or "" for digest in dataset.digests]
    unreadable = {
        index: _why_unreadable(dataset, index) for index, digest in enumerate(digests) if not digest
    }
    stored = store.read(identity)
    failed = frozenset(stored.index[(stored["outcome"] == "failed").to_numpy()])
    seen = set(stored.index.to_numpy(object)) - failed | {""}
    missing = []
    for index, digest in enumerate(digests):
        if digest not in seen:
            seen.add(digest)
            missing.append(index)
    return Work(digests, unreadable, missing, failed)


def _why_unreadable(dataset: Dataset, index: int) -> str:
    try:
        dataset.digest(index)
    except DataError as error:
        return str(error)
    return ""  # it has become readable meanwhile; the next run will see it


@warnings_never_raise()
def compute(
    works: Sequence[tuple[Asked, Work]],
    dataset: Dataset,
    respond: Respond,
    store: Store,
    *,
    batch_size: int = 64,
    progress: Callable[[int], Any] = lambda done: None,
) -> None:
    """Computes and stores the missing answers, batch by batch; each batch is safe once it is done.

    Image-major: whatever lacks the same images is asked about each batch together. The batch size halves
    when memory runs out and stays there. An image that makes the model fail is stored as a failure with
    its reason.

    Args:
        works: what is missing, per identity.
        dataset: where the images are.
        respond: gives one table of rows per identity asked for, keyed by pixel digest. An image that was
            not asked (a budget has ended) has no row.
        store: where rows go.
        batch_size: images per batch to begin with.
        progress: called with the number of answers of each finished batch.

    Raises:
        ModelError: the model fails on every image of a batch that it has not failed on before, or has no
            memory for a single one.
        Unavailable: a budget has ended. What was answered is stored.
        StoreError: an answer cannot be kept.
    """
    alike: dict[tuple[int, ...], list[tuple[Asked, Work]]] = {}
    for asked, work in works:
        if work.missing:
            alike.setdefault(tuple(work.missing), []).append((asked, work))
    for group in alike.values():
        batch_size = _compute_alike(group, dataset, respond, store, batch_size, progress)
    for asked, _ in works:
        store.compact(asked.identity)


def _compute_alike(
    group: Sequence[tuple[Asked, Work]],
    dataset: Dataset,
    respond: Respond,
    store: Store,
    batch_size: int,
    progress: Callable[[int], Any],
) -> int:
    """Computes what lacks the same images; returns the batch size that memory allowed."""
    asked, work = [asked for asked, _ in group], group[0][1]
    failed = frozenset.intersection(*(work.failed for _, work in group))
    identity, position, batches = asked[0].identity, 0, 0
    while position < len(work.missing):
        indices = work.missing[position : position + batch_size]
        images = _shown(dataset, work, indices)
        try:
            tables = respond(images, asked)
        except Exception as error:
            if isinstance(error, HarnessError):
                raise
            if out_of_memory(error):
                if len(indices) == 1:
                    raise ModelError(
                        f"{identity.model} has no memory for even one image on {identity.device} ({error}). "
                        "Use a smaller model, a smaller --dtype or another --device."
                    ) from error
                batch_size = max(1, len(indices) // 2)
                note(
                    identity.model,
                    "its full batch size",
                    "unfit",
                    f"memory holds no {len(indices)} images at a time. Set --batch-size {batch_size}.",
                    error,
                )
                continue
            singly = [_or_failure({digest: image}, asked, respond) for digest, image in images.items()]
            tables = [_concat(parts) for parts in zip(*singly, strict=True)]
        # The last batch may hold a single image: that one failing says nothing about the others.
        if len(images.keys() - failed) >= (2 if position else 1):
            _check_some_answer(tables, identity)
        for one, table in zip(asked, tables, strict=True):
            if len(table):
                store.write(one.identity, table)
        if any(len(table) < len(images) for table in tables):
            raise Unavailable(
                f"{identity.model} has spent what --max-cost allows. What it answered is kept; run again "
                "with a larger --max-cost to go on."
            )
        position += len(indices)
        batches += 1
        if batches % SHARDS == 0:
            for one in asked:
                store.compact(one.identity)
        progress(len(indices) * len(asked))
    return batch_size


def _shown(dataset: Dataset, work: Work, indices: Sequence[int]) -> dict[str, Stimulus]:
    """Images by their digests, which they still have: files may change between the two looks at them."""
    images = {work.digests[index]: dataset.stimulus(index) for index in indices}
    for index, (digest, stimulus) in zip(indices, images.items(), strict=True):
        if stimulus.digest != digest:
            raise DataError(
                f"{dataset.samples[index].id} of {dataset} has changed while the run was going on, and no "
                "answer to it was stored. Run again."
            )
    return images


def _check_some_answer(tables: Sequence[pa.Table], identity: Identity) -> None:
    outcomes = [outcome for table in tables for outcome in table.column("outcome").to_pylist()]
    if outcomes and set(outcomes) == {"failed"}:
        reason = next(table.column("reason")[0].as_py() for table in tables if len(table))
        raise ModelError(f"{identity.model} fails on every image of a batch: {reason}.")


def _concat(parts: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(parts, promote_options="permissive")


def _or_failure(image: Images, asked: Sequence[Asked], respond: Respond) -> list[pa.Table]:
    """The rows of one image, or one failure each."""
    try:
        return respond(image, asked)
    except Exception as error:
        if isinstance(error, HarnessError) or out_of_memory(error):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
        failure = {"pixel_digest": next(iter(image)), "outcome": "failed", "label": None, "reason": reason}
        return [pa.Table.from_pylist([failure]) for _ in asked]


def collect(work: Work, identity: Identity, store: Store) -> pd.DataFrame:
    """One row per sample, in the dataset's order, from the store.

    Raises:
        StoreError: an answer is not there. It was not computed, which says nothing about the model.
    """
    stored = store.read(identity)
    rows = stored.reindex(work.digests).reset_index(names="pixel_digest")
    for column in ROW_COLUMNS[1:]:
        if column not in rows:
            rows[column] = None
    for index, reason in work.unreadable.items():
        rows.loc[index, ["outcome", "reason"]] = "failed", reason
    if absent := int(rows["outcome"].isna().sum()):
        raise StoreError(
            f"{absent} of {len(rows)} answers of {identity.model} have not been computed or are gone from "
            f"{store.root}. Run again: what is there is kept."
        )
    return rows
