"""A data set as models see it: with restored pixels, read from the store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.datasets import Dataset
from harness.datasets.problems import Problems
from harness.datasets.sample import CACHE_BYTES, Decoded
from harness.errors import DataError, StoreError
from harness.identity import Identity
from harness.stimuli import Pixels, Stimulus
from harness.store.pixels import RESTORED, PixelStore


class RestoredPixels:
    """Reads restored pixels of one data set from the store.

    Args:
        source: the data set with pixels as published.
        identity: the restorer's.
        store: what it has restored.

    Raises:
        StoreError: a picture is missing from the store; one that the restorer failed on is there, as that.
    """

    def __init__(self, source: Dataset, identity: Identity, store: PixelStore) -> None:
        self.source, self.identity, self.store = source, identity, store
        self.digests = {
            sample.id: digest for sample, digest in zip(source.samples, source.digests, strict=True)
        }
        self.rows = self._find()
        if absent := set(self.digests.values()) - {None} - self.rows.keys():
            raise StoreError(
                f"{len(absent)} pictures of {source} have not been restored by {identity.model}, or are gone "
                f"from {store.root}. Run again: what is there is kept."
            )

    def dataset(self) -> Dataset:
        """The source with restored pixels; their digests are known from the store."""
        found = {sample: self.rows.get(digest or "") for sample, digest in self.digests.items()}
        known = {
            sample: row.restored_digest for sample, row in found.items() if row and row.outcome == RESTORED
        }
        problems = Problems()
        for sample, row in found.items():
            if sample not in known and self.digests[sample] is not None:
                why = row.reason if row else ""
                problems.add(f"not restored by {self.identity.model} ({why}), so it counts as failed", sample)
        grouped = zip(self.source.samples, self.source.groups, strict=True)
        return replace(
            self.source,
            samples=tuple(replace(sample, group=group) for sample, group in grouped),
            read=self,
            problems=self.source.problems + problems.lines(),
            stamp=None,
            relabelled=lambda: self.source.marginals,
            # As if its cache of pixels were full: one per restoration would soon take gigabytes.
            _decoded=Decoded(digests=known, size=CACHE_BYTES),
        )

    def __call__(self, sample_id: str) -> Pixels | Stimulus:
        """The restored pixels of a sample.

        Raises:
            DataError: the source cannot be read, or the restorer failed on it.
            StoreError: what the store holds is damaged, or it does not hold it.
        """
        digest = self.digests[sample_id]
        if digest is None:
            return self.source.read(sample_id)  # says why not
        for _ in range(10):
            row = self.rows.get(digest)
            if row is None:
                raise StoreError(
                    f"{sample_id} has not been restored by {self.identity.model}, or is gone from "
                    f"{self.store.root}. Run again: what is there is kept."
                )
            if row.outcome != RESTORED:
                raise DataError(
                    f"{sample_id} was not restored by {self.identity.model}: {row.reason}. Run again to "
                    "retry it."
                )
            try:
                return self.store.pixels(row.shard, row.row, row.restored_digest)
            except FileNotFoundError:  # another process has merged shards
                self.rows = self._find()
        raise StoreError(
            f"Shards of {self.store.folder(self.identity)} vanish while they are read. Stop whatever deletes "
            "them."
        )

    def _find(self) -> dict[str, Any]:
        found = self.store.read(self.identity)
        wanted = found[found.index.isin(set(self.digests.values()) - {None})]
        return {str(row.Index): row for row in wanted.itertuples()}
