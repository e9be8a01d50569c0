"""What a run works with: a suite's data sets, models, restorers, each opened once; nothing is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from harness.datasets import Dataset, load_dataset
from harness.engine.asked import Asked
from harness.engine.empty_image import empty_image
from harness.engine.respondents import Respondent, respondent
from harness.engine.respondents.features import asks_features
from harness.engine.restored import RestoredPixels
from harness.engine.source import Source
from harness.errors import UsageError
from harness.identity import versioned
from harness.models import Context as Files
from harness.models import RunnableModel, build_model
from harness.models.base import takes
from harness.models.registry import Model
from harness.predictions import NO_PROMPT, Cell
from harness.prompts import Prompt, label_order
from harness.restoration import NONE, Restorer, build_restorer
from harness.settings import Settings, pick_device
from harness.stimuli import check_medium
from harness.store.answers import Store
from harness.store.pixels import PixelStore
from harness.suite import Suite


@dataclass(frozen=True)
class Need:
    """What the store must hold of one respondent: answers to some questions about some stimuli."""

    source: Source
    asked: tuple[Asked, ...]


class Bench:
    """Opens what a suite names. What is absent or wrong is said when it is asked for, and only then.

    Args:
        suite: the suite.
        settings: where things are and how to compute.

    Attributes:
        store: answers.
        pixels: restored pixels.
        device: torch device.
    """

    def __init__(self, suite: Suite, settings: Settings) -> None:
        self.suite, self.settings = suite, settings
        self.store, self.pixels = Store(settings.store), PixelStore(settings.store / "pixels")
        self.device = pick_device(settings.device)
        self.files = Files(settings.data_root, suite.path.parent)
        self.dataset = lru_cache(maxsize=None)(self._dataset)
        self.model = lru_cache(maxsize=None)(self._model)
        self.respondent = lru_cache(maxsize=None)(self._respondent)
        self.restorer = lru_cache(maxsize=None)(self._restorer)
        self.restorer_asked = lru_cache(maxsize=None)(self._restorer_asked)
        self.published = lru_cache(maxsize=None)(self._published)
        self.restored = lru_cache(maxsize=None)(self._restored)

    def prompt(self, cell: Cell) -> Prompt | None:
        """The prompt of a cell, or None where its model reads none."""
        return None if cell.prompt == NO_PROMPT else self.suite.prompts[cell.prompt].prompt

    def source(self, cell: Cell) -> Source:
        """The stimuli of a cell: all samples, or those whose labels its prompt asks for."""
        prompt = self.prompt(cell)
        return Source(cell.dataset, cell.split, () if prompt is None else prompt.subset, cell.restoration)

    def images(self, source: Source) -> Dataset:
        """The samples of a source with the pixels that a model sees; restored ones are read from the store.

        Raises:
            HarnessError: the data set or the restorer is absent or unusable; the message says which.
            StoreError: pixels have not been restored.
        """
        as_published = self.published(source.published)
        return as_published if source.restoration == NONE else self.restored(source)

    def needs(self, cell: Cell) -> list[Need]:
        """What the store must hold for a cell: answers, also to an empty picture where labels are scored.

        Raises:
            HarnessError: something of the cell is absent, or its model cannot be asked so.
        """
        source = self.source(cell)
        asked = self._asked(cell.model, source, self.prompt(cell))
        needs = [Need(source, asked)]
        if len(asked) == 1 and asked[0].question is not None and asked[0].question.score:
            needs.append(Need(source.blank, asked))
        return needs

    def features(self, encoder: str, source: Source) -> Need:
        """What the store must hold for the embeddings of a source.

        A contrastive model gives its image embeddings, the very ones that its answers come from; a network
        that was trained to classify gives what its last layer reads.

        Raises:
            UsageError: the suite has no such model, or it gives no embeddings.
        """
        if encoder not in self.suite.models:
            raise UsageError(
                f"The encoder {encoder} is no model of {self.suite.path}. Name one of its models."
            )
        model = self.model(encoder)
        if not isinstance(model, RunnableModel) or model.capability == "generative":
            raise UsageError(f"{encoder} gives no embeddings. Name a contrastive model or a network.")
        (first, *_) = self._asked(encoder, source, None)
        return Need(source, (first if model.capability == "contrastive" else asks_features(first),))

    def _asked(self, model: str, source: Source, prompt: Prompt | None) -> tuple[Asked, ...]:
        dataset = self.published(source.published)
        check_medium(dataset.medium, takes(self.model(model)), model, str(source))
        asked = self.respondent(model).asked(prompt, dataset.task)
        if source.restoration == NONE:
            return asked
        restorer = self.restorer_asked(source.restoration).identity
        return tuple(
            replace(one, identity=one.identity.with_restorer(restorer.model, restorer.weights))
            for one in asked
        )

    def _dataset(self, name: str, split: str) -> Dataset:
        dataset = load_dataset(self.suite.datasets[name], name, split, self.settings.data_root)
        limit = self.settings.limit
        chosen = dataset if limit is None else dataset.limit(limit, self.settings.seed)
        return chosen.readable()

    def _published(self, source: Source) -> Dataset:
        dataset = _narrowed(self.dataset(source.dataset, source.split), source.subset)
        return empty_image(dataset) if source.empty else dataset

    def _restored(self, source: Source) -> Dataset:
        asked = self.restorer_asked(source.restoration)
        return RestoredPixels(self.published(source.published), asked.identity, self.pixels).dataset()

    def _model(self, name: str) -> Model:
        return build_model(name, self.suite.models[name], self.files)

    def _respondent(self, name: str) -> Respondent:
        model = self.model(name)
        assert isinstance(model, RunnableModel)
        return respondent(model, self.device, self.settings.dtype, self.store)

    def _restorer(self, name: str) -> Restorer:
        return build_restorer(name, self.suite.restorations, self.files)

    def _restorer_asked(self, name: str) -> Asked:
        restorer = self.restorer(name)
        return Asked(versioned(restorer.identity(self.device), restorer))


def _narrowed(dataset: Dataset, concepts: Sequence[str]) -> Dataset:
    if not concepts:
        return dataset
    labels = label_order(Prompt(subset=tuple(concepts)), dataset.space)
    return replace(dataset, samples=tuple(s for s in dataset.samples if s.label in labels))
