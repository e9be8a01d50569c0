"""What the store lacks of a respondent, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from harness.datasets import Dataset
from harness.errors import DataError, StoreError
from harness.identity import Identity
from harness.store.answers import ROW_COLUMNS, Store


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
