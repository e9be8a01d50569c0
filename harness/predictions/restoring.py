"""Restores what the store lacks: each restorer is loaded once, and given everything at that."""

from __future__ import annotations

import contextlib
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from time import perf_counter
from typing import Any

import pyarrow as pa
from filelock import FileLock

from harness.datasets import Dataset
from harness.errors import HarnessError, StoreError
from harness.identity import Identity
from harness.predictions.asked import Asked, Images
from harness.predictions.held import Held
from harness.predictions.pixel_store import PixelStore, row_of
from harness.predictions.restored import RestoredPixels
from harness.predictions.runner import Work, compute, find_work
from harness.restoration import NONE, LoadedRestorer, Restorer
from harness.restoration.frames import restored
from harness.slow_paths import noting

Progress = Callable[[int, int], Any]


@dataclass
class Restorations:
    """The restorers of a run and the data sets behind them.

    Attributes:
        build: gives the restorer of a name, without loading it.
        store: where restored pixels are kept.
        device: torch device.
        batch_size: images per batch to begin with.
        run: what the workers of one run have in common, "" where there is one process.
        loads: restoration -> times this process loaded its restorer.
        broken: restoration -> why it cannot be had; it is not loaded again for the next test.
    """

    build: Callable[[str], Restorer]
    store: PixelStore
    device: str
    batch_size: int = 64
    run: str = ""
    loads: Counter[str] = field(default_factory=Counter)
    broken: dict[str, HarnessError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.restorer = lru_cache(maxsize=None)(self.build)
        self.identity = lru_cache(maxsize=None)(self._identity)
        self._made: dict[tuple[str, Dataset], Dataset] = {}
        self._used: dict[str, dict[str, tuple[float, float]]] = {}
        self._retried: set[str] = set()

    def of(
        self,
        name: str,
        dataset: Dataset,
        *,
        plan: Callable[[], Iterable[Dataset]] = tuple,
        progress: Progress = lambda done, total: None,
    ) -> Dataset:
        """A data set with restored pixels; for `none` the data set itself.

        Samples keep their labels and groups. A sample whose image cannot be restored is one that cannot be
        read: its reason says why. Digests of all pixels are known without reading these.

        Args:
            name: the restoration.
            dataset: with pixels as published.
            plan: what else will be asked for; a restorer that is loaded restores all of it.
            progress: called with the images just restored and the images to restore.

        Raises:
            Unavailable: the restorer, a package or its weights are absent.
            ModelError: its weights cannot be used, or it fails on every image.
            StoreError: pixels are missing from the store, and it cannot be written.
        """
        if name == NONE:
            return dataset
        if (name, dataset) not in self._made:
            identity = self.identity(name)
            if self._work(identity, dataset).missing:
                self._fill_once(name, identity, lambda: [dataset, *plan()], progress)
            restored = RestoredPixels(dataset, identity, self.store)
            self._used.setdefault(name, {}).update(restored.costs())
            self._made[name, dataset] = restored.dataset()
        return self._made[name, dataset]

    def key(self, name: str) -> tuple[str, str]:
        """Id and digest of the weights, as they stand in the identity of an answer."""
        if name == NONE:
            return NONE, ""
        return self.identity(name).model, self.identity(name).weights

    @property
    def costs(self) -> list[dict[str, Any]]:
        """What the restored images of this run cost when they were made, one entry per restoration.

        `restoration`, `images`, `seconds_per_image`, and `peak_memory_mb`: of the accelerator, else of the
        process, with everything else that it held.
        """
        return [
            {
                "restoration": name,
                "images": len(rows),
                "seconds_per_image": sum(seconds for seconds, _ in rows.values()) / len(rows),
                "peak_memory_mb": max(memory for _, memory in rows.values()),
            }
            for name, rows in self._used.items()
            if rows
        ]

    def _identity(self, name: str) -> Identity:
        return self.restorer(name).identity(self.device)

    def _work(self, identity: Identity, dataset: Dataset) -> Work:
        """What is missing; images that the restorer has failed on are tried once per run."""
        work = find_work(identity, dataset, self.store)
        return work.untried() if identity.digest() in self._retried else work

    def _fill_once(
        self, name: str, identity: Identity, sources: Callable[[], Iterable[Dataset]], progress: Progress
    ) -> None:
        """Restores what is missing of all sources, behind the restorer's lock.

        The lock saves work; the store is correct without it.
        """
        if name in self.broken:
            raise self.broken[name]
        self.store.check_writable()
        lock = self.store.lock_path(identity)
        lock.parent.mkdir(parents=True, exist_ok=True)
        retried = lock.with_name(f"{identity.digest()[:32]}.retried")
        with FileLock(lock):
            with contextlib.suppress(OSError):
                if self.run and retried.read_text(encoding="utf-8") == self.run:
                    self._retried.add(identity.digest())
            try:
                self._fill(name, identity, list(dict.fromkeys(sources())), progress)
            except StoreError:
                raise
            except HarnessError as error:
                self.broken[name] = error
                raise
            retried.write_text(self.run, encoding="utf-8")
            self._retried.add(identity.digest())

    def _fill(self, name: str, identity: Identity, sources: Sequence[Dataset], progress: Progress) -> None:
        works = [self._work(identity, source) for source in sources]
        total = len({work.digests[index] for work in works for index in work.missing})
        if total == 0:
            return
        restorer = self.restorer(name)
        with noting(name):
            held = Held(
                identity, partial(restorer.identity, self.device), partial(restorer.load, self.device)
            )
            self.loads[name] += 1
            for source in sources:
                compute(
                    [(Asked(identity), self._work(identity, source))],  # sources may share images
                    source,
                    held.answering(partial(_respond, self.device)),
                    self.store,
                    batch_size=min(self.batch_size, getattr(held.loaded, "batch_size", self.batch_size)),
                    progress=lambda done: progress(done, total),
                )


def _respond(device: str, loaded: LoadedRestorer, images: Images, asked: Sequence[Asked]) -> list[pa.Table]:
    """The rows of a batch."""
    del asked
    start = perf_counter()
    made = restored(loaded, list(images.values()))
    cost = {
        "latency_s": (perf_counter() - start) / len(images),
        "peak_memory_mb": peak_memory_mb(device),
    }
    rows = [
        {"pixel_digest": digest, **row_of(stimulus), **cost}
        for digest, stimulus in zip(images, made, strict=True)
    ]
    return [pa.Table.from_pylist(rows)]


def peak_memory_mb(device: str) -> float:
    """The most memory held so far: on an accelerator by torch, else by the process; nan where unknown."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
