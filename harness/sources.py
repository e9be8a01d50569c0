"""Where the images of a run come from: each data set opened once, narrowed and restored as cells ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from harness.datasets import Dataset, load_dataset
from harness.errors import HarnessError
from harness.models import Context as Files
from harness.predictions import NO_PROMPT, Cell
from harness.predictions.empty_image import empty_image
from harness.predictions.pixel_store import PixelStore
from harness.predictions.restoring import Progress, Restorations
from harness.prompts import Prompt, label_order
from harness.restoration import Restorer, build_restorer
from harness.settings import Settings, pick_device
from harness.suite import Suite


@dataclass
class Sources:
    """Opens data sets of a suite and restores their pixels.

    Attributes:
        suite: the suite.
        settings: how to compute.
        run: what the workers of one run have in common, "" where there is one process.
        plan: gives the cells that will be asked for, whose images are restored in the same go.
    """

    suite: Suite
    settings: Settings
    run: str
    plan: Callable[[], Iterable[Cell]]

    def __post_init__(self) -> None:
        self.dataset = lru_cache(maxsize=None)(self._dataset)
        self.narrowed = lru_cache(maxsize=None)(self._narrowed)
        self.empty_image = lru_cache(maxsize=None)(empty_image)
        self.restorations = Restorations(
            self._restorer,
            PixelStore(self.settings.store / "pixels"),
            pick_device(self.settings.device),
            self.settings.batch_size,
            self.run,
        )

    @property
    def files(self) -> Files:
        """Where weights and tables are looked for."""
        return Files(self.settings.data_root, self.suite.path.parent)

    def prompt(self, cell: Cell) -> Prompt | None:
        """The prompt of a cell, or None where its model reads none."""
        return None if cell.prompt == NO_PROMPT else self.suite.prompts[cell.prompt].prompt

    def published(self, cell: Cell) -> Dataset:
        """The samples of a cell, all or those whose labels its prompt asks for, with pixels as published."""
        prompt = self.prompt(cell)
        return self.narrowed(cell.dataset, cell.split, () if prompt is None else prompt.subset)

    def seen(self, cell: Cell, progress: Progress) -> Dataset:
        """The samples of a cell with the pixels that its model sees."""
        return self._restored(cell, self.published(cell), progress)

    def empty(self, cell: Cell, progress: Progress) -> Dataset:
        """An image without content, as it leaves the restorer of a cell.

        A restorer that sees things in uniform grey is a part of the chain whose leaning is asked for.
        """
        return self._restored(cell, self.empty_image(self.published(cell)), progress)

    def _restored(self, cell: Cell, dataset: Dataset, progress: Progress) -> Dataset:
        return self.restorations.of(
            cell.restoration, dataset, plan=lambda: self._restored_alike(cell), progress=progress
        )

    def _restored_alike(self, wanted: Cell) -> Iterator[Dataset]:
        """The images of all cells that want the same restoration, empty ones included."""
        alike = [cell for cell in self.plan() if cell.restoration == wanted.restoration]
        for cell in dict.fromkeys([wanted, *alike]):
            try:
                source = self.published(cell)
            except HarnessError:  # the test of that cell will say why
                continue
            yield source
            if cell.prompt != NO_PROMPT:
                yield self.empty_image(source)

    def _dataset(self, name: str, split: str) -> Dataset:
        dataset = load_dataset(self.suite.datasets[name], name, split, self.settings.data_root)
        limit = self.settings.limit
        chosen = dataset if limit is None else dataset.limit(limit, self.settings.seed)
        return chosen.readable()

    def _narrowed(self, name: str, split: str, concepts: tuple[str, ...]) -> Dataset:
        dataset = self.dataset(name, split)
        if not concepts:
            return dataset
        labels = label_order(Prompt(subset=concepts), dataset.space)
        return replace(dataset, samples=tuple(s for s in dataset.samples if s.label in labels))

    def _restorer(self, name: str) -> Restorer:
        return build_restorer(name, self.suite.restorations, self.files)
