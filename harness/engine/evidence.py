"""What a run has found out, read from the store: predictions, embeddings, and what was seen in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.datasets import Dataset, exact_overlap, load_dataset, pixels
from harness.engine.bench import Bench, Need
from harness.engine.plan import Stage
from harness.engine.report import Report
from harness.engine.source import Source
from harness.engine.work import collect, find_work
from harness.errors import HarnessError, ModelError, StoreError, Unavailable
from harness.identity import package_versions
from harness.models import TableModel
from harness.models.base import Published
from harness.models.derived import DerivedModel
from harness.predictions import Cell, Predictions, join
from harness.predictions.checks import check_against_card, check_labels
from harness.predictions.deriving import derive
from harness.predictions.outside import join_table
from harness.restoration import NONE
from harness.suite.parents import parent_cells
from harness.tools.slow_paths import SlowPath, noting


class Evidence:
    """Reads what an engine has left in the store. Nothing is computed; what is missing says why.

    Args:
        bench: the suite, opened.
        report: what the engine came to.

    Attributes:
        slow_paths: what went slower or worse than it could have while reading.
    """

    def __init__(self, bench: Bench, report: Report) -> None:
        self.bench, self.report = bench, report
        self.slow_paths: dict[SlowPath, None] = {}
        self.predictions = lru_cache(maxsize=None)(self._predictions)
        # 37 MB for 7,178 pictures and 1,280 dimensions; tests of one data set follow each other.
        self.embeddings = lru_cache(maxsize=16)(self._embeddings)
        self._seen = lru_cache(maxsize=None)(self._overlap)

    def of(self, cell: Cell) -> Predictions | Published:
        """The predictions of a cell, or the published numbers that stand for it.

        Raises:
            HarnessError: see `predictions`.
        """
        number = self.bench.suite.numbers.get((cell.model, cell.source, cell.restoration))
        return number if number is not None else self.predictions(cell)

    def samples(self, cell: Cell) -> Dataset:
        """The samples of a cell with the pixels that its model saw here.

        Raises:
            Unavailable: it saw restored pixels elsewhere; restoring them again to show them may take hours.
            HarnessError: the data set or the restorer is absent or failed; the message says which.
        """
        if cell.restoration != NONE and isinstance(self.bench.model(cell.model), TableModel):
            raise Unavailable(f"{cell.model} answered elsewhere. Add a model that answers on them here.")
        with self._explained("restore", cell.restoration):
            return self.bench.images(self.bench.source(cell))

    def _predictions(self, cell: Cell) -> Predictions:
        with noting(cell.model, self.slow_paths):
            return self._answers(cell)

    def _answers(self, cell: Cell) -> Predictions:
        """The answers of a cell, one per sample.

        Raises:
            Unavailable: a model, a data set or a restorer is absent.
            ModelError: a model failed, or does not answer as its card records.
            StoreError: answers are missing, and nothing tells why.
        """
        bench = self.bench
        model, prompt = bench.model(cell.model), bench.prompt(cell)
        if isinstance(model, DerivedModel):
            return derive(cell, model, [self.predictions(one) for one in parent_cells(bench.suite, cell)])
        if isinstance(model, TableModel):
            if cell.restoration != model.restoration:
                raise Unavailable(
                    f"The answers of {cell.model} were given on pixels restored by {model.restoration}, not "
                    f"{cell.restoration}. Add an entry with the answers on {cell.restoration}."
                )
            return join_table(cell, bench.published(bench.source(cell).published), model)
        dataset, needs = self.samples(cell), bench.needs(cell)
        answers, labels = self._read(cell.model, needs[0])
        predictions = replace(
            join(cell, dataset, answers, labels),
            prompt=prompt,
            repeatable=getattr(model, "deterministic", True),
            marginals=dataset.marginals,
            content_free=self._content_free(cell.model, needs[1:]),
        )
        foreign = check_labels(predictions, model.labels, cell.source)
        predictions = replace(predictions, problems=(*predictions.problems, *foreign))
        if bench.settings.limit is None and cell.restoration == NONE:
            return replace(predictions, card=check_against_card(predictions, model.correct))
        return predictions

    def _read(self, model: str, need: Need) -> tuple[pd.DataFrame, tuple[str, ...]]:
        """Answers in the order of the samples, and the labels they are given in."""
        rows, dataset = self._rows(model, need)
        return self.bench.respondent(model).read(rows, need.asked, dataset.task)

    def _rows(self, model: str, need: Need) -> tuple[list[pd.DataFrame], Dataset]:
        with self._explained("restore", need.source.restoration):
            dataset = self.bench.images(need.source)
        store = self.bench.store
        with self._explained("answer", model):
            works = [(find_work(one.identity, dataset, store), one.identity) for one in need.asked]
            return [collect(work, identity, store) for work, identity in works], dataset

    def _content_free(self, model: str, needs: Sequence[Need]) -> dict[str, float]:
        found: dict[str, float] = {}
        for need in needs:
            labels = self.bench.published(need.source.published).space.labels
            row = self._read(model, need)[0].iloc[0]
            found = {label: float(row.get(f"score_{label}", np.nan)) for label in labels}
        return {} if any(map(np.isnan, found.values())) else found

    def _embeddings(self, encoder: str, source: str, restoration: str) -> NDArray[np.float32]:
        """The embeddings (N, D) of the pictures of a `dataset:split`; nan where a picture has none.

        Raises:
            Unavailable: the model, the pictures or the restorer are absent.
            UsageError: the suite has no such model, or it gives no embeddings.
            ModelError: no picture could be embedded.
        """
        with noting(encoder, self.slow_paths):
            return self._embedded(encoder, source, restoration)

    def _embedded(self, encoder: str, source: str, restoration: str) -> NDArray[np.float32]:
        name, _, split = source.partition(":")
        need = self.bench.features(encoder, Source(name, split, restoration=restoration))
        (rows,), _ = self._rows(encoder, need)
        there = (rows["outcome"] == "parsed").to_numpy()
        if not there.any():
            raise ModelError(f"{encoder} embeds no picture of {source}: {rows['reason'].iloc[0]}.")
        known = np.stack(rows.loc[there, "embedding"].tolist())
        embeddings = np.full((len(rows), known.shape[1]), np.nan, np.float32)
        embeddings[there] = known
        return embeddings

    @contextmanager
    def _explained(self, stage: Stage, worker: str) -> Iterator[None]:
        """Within, what is missing from the store is told by what kept its worker from making it."""
        try:
            yield
        except StoreError:
            failure = self.report.failures[stage].get(worker)
            if failure is None:
                raise
            raise failure.error() from None

    def seen_in_training(self, cell: Cell) -> NDArray[np.bool_] | None:
        """Which samples of a cell are pixel for pixel in what its model was trained on; None if unknown."""
        trained_on = getattr(self.bench.model(cell.model), "trained_on", None)
        source = self.bench.source(cell).published
        own = None if trained_on is None else self._seen(source, trained_on)
        inherited = (self.seen_in_training(parent) for parent in parent_cells(self.bench.suite, cell))
        masks = [mask for mask in (own, *inherited) if mask is not None]
        return np.any(masks, axis=0) if masks else None

    def _overlap(self, source: Source, trained_on: str) -> NDArray[np.bool_] | None:
        bench, (training, _, part) = self.bench, trained_on.partition(":")
        if training not in bench.suite.datasets:
            return None
        try:
            known = load_dataset(bench.suite.datasets[training], training, part, bench.settings.data_root)
        except HarnessError:  # the card may name a split that this dataset does not have here
            return None
        here = bench.published(source)
        return bench.store.remember(
            [
                here.fingerprint,
                known.stamp,
                part,  # the stamp may be that of all splits
                package_versions("pillow")["pillow"],
                str(pixels.VERSION),  # the rule by which pictures become pixels
            ],
            lambda: exact_overlap(here, known),
        )
