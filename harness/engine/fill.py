"""Makes the answers that the store lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeAlias

import pyarrow as pa

from harness.datasets import Dataset
from harness.engine.ahead import run_ahead
from harness.engine.asked import Asked, Images
from harness.engine.steps import Respond, Steps, Whole
from harness.engine.work import Work
from harness.errors import DataError, HarnessError, ModelError, Unavailable, out_of_memory
from harness.identity import Identity
from harness.stimuli import Stimulus
from harness.store.answers import Store
from harness.tools.slow_paths import note
from harness.tools.third_party import warnings_never_raise

# A sweep writes one shard per question and batch. Merged now and then, a night's work does not end in a
# hundred thousand files, and what is merged again and again costs a hundredth of what the model takes.
SHARDS = 64

Part: TypeAlias = tuple[Images, Callable[[], list[pa.Table]]]


@warnings_never_raise()
def compute(
    works: Sequence[tuple[Asked, Work]],
    dataset: Dataset,
    respond: Respond | Steps,
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
        respond: gives one table of rows per identity asked for, keyed by pixel digest, in one go or in
            steps. An image that was not asked (a budget has ended) has no row.
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
    steps = respond if isinstance(respond, Steps) else Whole(respond)
    for group in alike.values():
        filling = _Filling(group, dataset, steps, store, batch_size, progress)
        filling.run()
        batch_size = filling.batch_size
    for asked, _ in works:
        store.compact(asked.identity)


class _Filling:
    """Asks about some pictures what all of a group lack; begins with a batch size, and ends with one."""

    def __init__(
        self,
        group: Sequence[tuple[Asked, Work]],
        dataset: Dataset,
        steps: Steps,
        store: Store,
        batch_size: int,
        progress: Callable[[int], Any],
    ) -> None:
        self.asked, self.work = [asked for asked, _ in group], group[0][1]
        self.failed = frozenset.intersection(*(work.failed for _, work in group))
        self.dataset, self.steps, self.store = dataset, steps, store
        self.batch_size, self.progress, self.shards = batch_size, progress, 0
        self.identity = self.asked[0].identity

    def run(self) -> None:
        """Has all pictures answered: each batch is safe shortly after it is done."""
        if self.identity.device != "cpu":
            run_ahead(self._batches(), self._prepare, self._forward, self._write)
            return
        for indices in self._batches():  # the cores are the model's: threads beside it cost 8 to 13 %
            self._write([(indices, self._forward(indices, self._prepare(indices)))])

    def _batches(self) -> Iterator[list[int]]:
        position = 0
        while position < len(self.work.missing):
            indices = self.work.missing[position : position + self.batch_size]
            position += len(indices)
            yield indices

    def _prepare(self, indices: list[int]) -> tuple[Images, Any]:
        images = _shown(self.dataset, self.work, indices)
        return images, self.steps.prepare(images, self.asked)

    def _forward(self, indices: list[int], ready: tuple[Images, Any]) -> list[Part]:
        del indices
        return self._answered(*ready)

    def _answered(self, images: Images, ready: Any) -> list[Part]:
        """Tables that are there when they are asked for, of all pictures together, of halves, or of each."""
        if len(images) <= self.batch_size:
            try:
                found = self.steps.forward(ready, images, self.asked)
                return [(images, partial(self.steps.tables, found, images, self.asked))]
            except Exception as error:
                if isinstance(error, HarnessError):
                    raise
                if not out_of_memory(error):
                    return [self._alone({digest: image}) for digest, image in images.items()]
                self._shrink(len(images), error)
        chunks = [
            list(images.items())[i : i + self.batch_size] for i in range(0, len(images), self.batch_size)
        ]
        parts = [dict(chunk) for chunk in chunks]
        return [one for part in parts for one in self._answered(part, self.steps.prepare(part, self.asked))]

    def _shrink(self, size: int, error: Exception) -> None:
        """Halves the batch size, since memory ran out for this one.

        Raises:
            ModelError: it is that of a single picture.
        """
        model = self.identity.model
        if size == 1:
            raise ModelError(
                f"{model} has no memory for even one image on {self.identity.device} ({error}). "
                "Use a smaller model, a smaller --dtype or another --device."
            ) from error
        self.batch_size = max(1, size // 2)
        reason = f"memory holds no {size} images at a time. Set --batch-size {self.batch_size}."
        note(model, "its full batch size", "unfit", reason, error)

    def _alone(self, image: Images) -> Part:
        """The rows of one picture, or one failure each."""
        try:
            ready = self.steps.prepare(image, self.asked)
            tables = self.steps.tables(self.steps.forward(ready, image, self.asked), image, self.asked)
        except Exception as error:
            if isinstance(error, HarnessError) or out_of_memory(error):
                raise
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:500]
            failure = {
                "pixel_digest": next(iter(image)),
                "outcome": "failed",
                "label": None,
                "reason": reason,
            }
            tables = [pa.Table.from_pylist([failure]) for _ in self.asked]
        return image, lambda: tables

    def _write(self, results: Sequence[tuple[list[int], list[Part]]]) -> None:
        """Keeps the tables of some batches, one shard of all for each that was asked.

        Raises:
            ModelError: a batch has no answer at all.
            Unavailable: some pictures were not asked about, as a budget has ended.
        """
        kept: list[list[pa.Table]] = [[] for _ in self.asked]
        count, done = 0, 0
        try:
            for indices, parts in results:
                several = zip(*(tables() for _, tables in parts), strict=True)
                tables = [_concat(some) for some in several]
                images = {digest for part, _ in parts for digest in part}
                # The last batch may hold a single image: that one failing says nothing about the others.
                first = indices[0] == self.work.missing[0]
                if len(images - self.failed) >= (1 if first else 2):
                    _check_some_answer(tables, self.identity)
                for some, table in zip(kept, tables, strict=True):
                    some.append(table)
                count, done = count + len(indices), done + 1
        finally:
            for one, some in zip(self.asked, kept, strict=True):
                if some and len(table := _concat(some)):
                    self.store.write(one.identity, table)
            self.progress(count * len(self.asked))
        if any(sum(map(len, some)) < count for some in kept):
            raise Unavailable(
                f"{self.identity.model} has spent what --max-cost allows. What it answered is kept; run "
                "again with a larger --max-cost to go on."
            )
        self.shards += 1
        if self.shards % SHARDS == 0:
            for one in self.asked:
                self.store.compact(one.identity)


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
    return parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="permissive")
