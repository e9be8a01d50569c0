"""Makes predictions: each dataset is opened once, each model loaded once, and asked everything at that."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from filelock import FileLock

from harness.datasets import Dataset
from harness.errors import HarnessError, ModelError, Unavailable
from harness.models import RunnableModel, TableModel, build_model
from harness.models.base import takes
from harness.models.derived import DerivedModel
from harness.models.endpoint.budget import Budget
from harness.models.registry import Model
from harness.predictions import Cell, Predictions, join
from harness.predictions.asked import Asked
from harness.predictions.checks import check_against_card, check_labels
from harness.predictions.deriving import derive
from harness.predictions.held import Held
from harness.predictions.outside import join_table
from harness.predictions.respondents import Respondent, respondent
from harness.predictions.restoring import Progress
from harness.predictions.runner import Work, collect, compute, find_work
from harness.predictions.store import Store
from harness.settings import Settings, pick_device
from harness.slow_paths import SlowPath, noting
from harness.sources import Sources
from harness.stimuli import check_medium
from harness.suite import Suite
from harness.suite.parents import parent_cells
from harness.third_party import warnings_never_raise

# What a model must have answered for some cells: images, and what is asked about them.
Need: TypeAlias = tuple[Dataset, tuple[Asked, ...]]


@dataclass
class Predictor:
    """Opens datasets and models of a suite, and makes predictions.

    Attributes:
        suite: the suite.
        settings: how to compute.
        planned: cells that will be asked for; a model that is loaded computes all of its own.
        loads: model -> times this process loaded it.
        broken: model -> why it cannot answer; it is not loaded again for the next test.
        run: what the workers of one run have in common, "" where there is one process.
        slow_paths: what went slower or worse than it could have.
        progress: called with a cell, the answers just made and the answers to make.
    """

    suite: Suite
    settings: Settings
    planned: list[Cell] = field(default_factory=list)
    loads: Counter[str] = field(default_factory=Counter)
    broken: dict[str, HarnessError] = field(default_factory=dict)
    run: str = ""
    slow_paths: dict[SlowPath, None] = field(default_factory=dict)
    progress: Callable[[Cell, int, int], Any] = lambda cell, done, total: None

    def __post_init__(self) -> None:
        self._mark = self.run or secrets.token_hex(8)  # by which a run knows what it has tried
        self.store = Store(self.settings.store)
        self.budget = Budget(self.settings.max_cost, Path(self.run) / "spent.txt" if self.run else None)
        self.sources = Sources(self.suite, self.settings, self.run, self._runnable)
        self.dataset = self.sources.dataset
        self.model = lru_cache(maxsize=None)(self._model)
        self.respondent = lru_cache(maxsize=None)(self._respondent)
        self.predictions = lru_cache(maxsize=None)(self._predictions)

    @property
    def restoration_costs(self) -> list[dict[str, Any]]:
        """What the restored images of this run cost when they were made, see `Restorations.costs`."""
        return self.sources.restorations.costs

    def _model(self, name: str) -> Model:
        return build_model(name, self.suite.models[name], self.sources.files)

    def _respondent(self, name: str) -> Respondent:
        model = self.model(name)
        assert isinstance(model, RunnableModel)
        return respondent(model, pick_device(self.settings.device), self.settings.dtype, self.store)

    def _predictions(self, cell: Cell) -> Predictions:
        with noting(cell.model, self.slow_paths):
            return self._made(cell)

    def _made(self, cell: Cell) -> Predictions:
        model, prompt = self.model(cell.model), self.sources.prompt(cell)
        if isinstance(model, DerivedModel):
            return derive(cell, model, [self.predictions(one) for one in parent_cells(self.suite, cell)])
        if isinstance(model, TableModel):
            if cell.restoration != model.restoration:
                raise Unavailable(
                    f"The answers of {cell.model} were given on pixels restored by {model.restoration}, not "
                    f"{cell.restoration}. Add an entry with the answers on {cell.restoration}."
                )
            published = self.sources.published(cell)
            return join_table(cell, published, model)
        dataset, needs = self.samples(cell), list(self.needs(cell))
        if self._lacks(cell, needs):
            self._fill_once(cell, model)
        answers, labels = self._read(cell, *needs[0])
        predictions = replace(
            join(cell, dataset, answers, labels),
            prompt=prompt,
            repeatable=getattr(model, "deterministic", True),
            marginals=dataset.marginals,
            content_free=self._content_free(cell, needs[1:]),
        )
        foreign = check_labels(predictions, model.labels, cell.source)
        predictions = replace(predictions, problems=(*predictions.problems, *foreign))
        if self.settings.limit is None and cell.restoration == "none":
            return replace(predictions, card=check_against_card(predictions, model.correct))
        return predictions

    def samples(self, cell: Cell) -> Dataset:
        """The samples of a cell with the pixels that its model sees: restored, if the cell says so.

        Raises:
            HarnessError: the data set or the restorer is absent or unusable; the message says which.
        """
        with noting(cell.model, self.slow_paths):
            return self.sources.seen(cell, self._restoring(cell))

    def _restoring(self, cell: Cell) -> Progress:
        return lambda done, total: self.progress(cell, done, total)

    def _runnable(self) -> Iterator[Cell]:
        """Planned cells whose model answers here."""
        for cell in self.planned:
            with contextlib.suppress(HarnessError):  # the test of that cell will say why
                if isinstance(self.model(cell.model), RunnableModel):
                    yield cell

    def needs(self, cell: Cell) -> Iterator[Need]:
        """What the store must hold: answers, and those to an empty image where labels are scored."""
        dataset, prompt = self.samples(cell), self.sources.prompt(cell)
        check_medium(dataset.medium, takes(self.model(cell.model)), cell.model, cell.source)
        restorer = self.sources.restorations.key(cell.restoration)
        asked = tuple(
            replace(one, identity=one.identity.with_restorer(*restorer))
            for one in self.respondent(cell.model).asked(prompt, dataset.task)
        )
        yield dataset, asked
        if len(asked) == 1 and asked[0].question is not None and asked[0].question.score:
            yield self.sources.empty(cell, self._restoring(cell)), asked

    def _lacks(self, cell: Cell, needs: Iterable[Need]) -> bool:
        return any(
            self.respondent(cell.model).lacks(asked)
            or any(find_work(one.identity, dataset, self.store).missing for one in asked)
            for dataset, asked in needs
        )

    def _read(self, cell: Cell, dataset: Dataset, asked: tuple[Asked, ...]) -> Any:
        rows = [
            collect(find_work(one.identity, dataset, self.store), one.identity, self.store) for one in asked
        ]
        return self.respondent(cell.model).read(rows, asked, dataset.task)

    def _content_free(self, cell: Cell, needs: Iterable[Need]) -> dict[str, float]:
        found = {}
        for dataset, asked in needs:
            row = self._read(cell, dataset, asked)[0].iloc[0]
            found = {label: float(row.get(f"score_{label}", np.nan)) for label in dataset.space.labels}
        return {} if any(map(np.isnan, found.values())) else found

    def _fill_once(self, wanted: Cell, model: RunnableModel) -> None:
        """Computes what the store lacks of every planned cell of one model, behind the model's lock.

        Under xdist the other workers wait here and then find the answers in the store. The lock saves
        work; the store is correct without it. Images that made the model fail are tried once per run: the
        worker that has tried them says so in a file beside the lock.
        """
        if wanted.model in self.broken:
            raise self.broken[wanted.model]
        self.store.check_writable()
        needs = self._planned_needs(wanted)  # restores images, which takes another lock
        identity = model.identity(pick_device(self.settings.device), self.settings.dtype)
        lock = self.store.lock_path(identity)
        lock.parent.mkdir(parents=True, exist_ok=True)
        tried = lock.with_suffix(".tried")
        with FileLock(lock):
            retry, about = not self._was_tried(wanted.model, tried), [self._mark, wanted.model]
            try:
                self._fill(wanted, model, needs, retry=retry)
            except (ModelError, Unavailable) as error:
                self.broken[wanted.model] = error
                tried.write_text(json.dumps([*about, type(error).__name__, str(error)]), encoding="utf-8")
                raise
            tried.write_text(json.dumps([*about, "", ""]), encoding="utf-8")

    def _was_tried(self, model: str, tried: Path) -> bool:
        """Whether a worker of this run has already asked the model; what stopped it stops this one, too."""
        try:
            run, name, stopped_by, reason = json.loads(tried.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if (run, name) != (self._mark, model):
            return False
        if stopped_by:
            self.broken[model] = (Unavailable if stopped_by == "Unavailable" else ModelError)(reason)
            raise self.broken[model]
        return True

    @warnings_never_raise()
    def _fill(self, wanted: Cell, model: RunnableModel, needs: list[Need], *, retry: bool) -> None:
        """Loads the model when something is missing, and lets it answer all of it, images first."""
        one = self.respondent(wanted.model)
        asked = [question for _, all_asked in needs for question in all_asked]
        works = [(dataset, self._works(dataset, all_asked, retry)) for dataset, all_asked in needs]
        total = sum(len(work.missing) for _, some in works for _, work in some)
        if total == 0 and not one.lacks(asked):
            return
        if hasattr(model, "budget"):
            model.budget = self.budget
        how = pick_device(self.settings.device), self.settings.dtype
        held = Held(one.identity, partial(model.identity, *how), partial(model.load, *how))
        self.loads[wanted.model] += 1
        one.prepare(held.loaded, asked)
        for dataset, some in works:
            compute(
                some,
                dataset,
                held.answering(one.respond),
                self.store,
                batch_size=min(self.settings.batch_size, getattr(model, "batch_size", 1 << 30)),
                progress=lambda done: self.progress(wanted, done, total),
            )

    def _planned_needs(self, wanted: Cell) -> list[Need]:
        """What all planned cells of a model need, image-major: one entry per set of images."""
        planned = [cell for cell in self.planned if cell.model == wanted.model]
        needs: dict[Dataset, list[Asked]] = {}
        for cell in dict.fromkeys([wanted, *planned]):
            try:
                for dataset, asked in self.needs(cell):
                    needs.setdefault(dataset, []).extend(asked)
            except HarnessError:
                if cell == wanted:
                    raise
                # the test of that cell will say why
        return [(dataset, tuple(asked)) for dataset, asked in needs.items()]

    def _works(self, dataset: Dataset, asked: Iterable[Asked], retry: bool) -> list[tuple[Asked, Work]]:
        """What is missing per identity; questions that share one (embeddings do) are one piece of work."""
        distinct = {one.identity.digest(): one for one in asked}
        works = [(one, find_work(one.identity, dataset, self.store)) for one in distinct.values()]
        return works if retry else [(one, work.untried()) for one, work in works]
