"""One run of a suite: datasets and models opened once, predictions made once, evidence handed to claims."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from harness.claims import Claim, Context, Evidence, Verdict, get_claim, settle
from harness.claims.audit import audit
from harness.claims.leakage import hold_on_unseen
from harness.datasets import Dataset, exact_overlap, load_dataset
from harness.errors import HarnessError, ModelError, Unavailable
from harness.identity import package_versions
from harness.models import Context as Files
from harness.models import RunnableModel, TableModel, build_model
from harness.predictions import Cell, Predictions, join
from harness.predictions.checks import check_against_card
from harness.predictions.runner import Work, collect, compute, find_work
from harness.predictions.store import Store
from harness.restoration import get_restorer
from harness.settings import Settings, pick_device
from harness.suite import ClaimCell, Suite


@dataclass
class Session:
    """Everything a process of a run shares.

    Attributes:
        suite: the suite.
        settings: how to compute.
        planned: cells that this run will ask for; a model that is loaded computes all of its own.
        loads: model -> times this process loaded it.
        broken: model -> why it cannot answer; it is not loaded again for the next test.
        run: what the workers of one run have in common, "" where there is one process.
    """

    suite: Suite
    settings: Settings
    planned: list[Cell] = field(default_factory=list)
    families: dict[str, list[ClaimCell]] = field(default_factory=dict)
    loads: Counter[str] = field(default_factory=Counter)
    broken: dict[str, ModelError] = field(default_factory=dict)
    run: str = ""
    progress: Callable[[Cell, int, int], Any] = lambda cell, done, total: None

    def __post_init__(self) -> None:
        self.store = Store(self.settings.store)
        self.dataset = lru_cache(maxsize=None)(self._dataset)
        self.model = lru_cache(maxsize=None)(self._model)
        self.predictions = lru_cache(maxsize=None)(self._predictions)
        self.seen = lru_cache(maxsize=None)(self._seen)
        self.family = lru_cache(maxsize=None)(self._family)

    def plan(self, cells: Iterable[Cell], families: Iterable[ClaimCell] = ()) -> None:
        """Says what will be asked for, so that each model is loaded once and families are judged whole."""
        for claim_cell in families:
            self.families.setdefault(claim_cell.claim, []).append(claim_cell)
        asked = [
            *cells,
            *(cell for family in self.families.values() for pair in family for cell in pair.cells),
        ]
        self.planned = list(dict.fromkeys(cell for cell in asked if cell.model in self.suite.models))

    def _dataset(self, name: str, split: str) -> Dataset:
        dataset = load_dataset(self.suite.datasets[name], name, split, self.settings.data_root)
        return (
            dataset if self.settings.limit is None else dataset.limit(self.settings.limit, self.settings.seed)
        )

    def _model(self, name: str) -> RunnableModel | TableModel:
        files = Files(self.settings.data_root, self.suite.path.parent)
        return build_model(name, self.suite.models[name], files)

    def evidence(self, cell: Cell) -> Evidence:
        """Predictions of a cell, or the published numbers that stand for it."""
        number = self.suite.numbers.get((cell.model, cell.source, cell.restoration))
        return number if number is not None else self.predictions(cell)

    def _predictions(self, cell: Cell) -> Predictions:
        model, dataset = self.model(cell.model), self.dataset(cell.dataset, cell.split)
        if isinstance(model, TableModel):
            if cell.restoration != model.restoration:
                raise Unavailable(
                    f"The answers of {cell.model} were given on pixels restored by {model.restoration}, not "
                    f"{cell.restoration}. Add an entry with the answers on {cell.restoration}."
                )
            return join(cell, dataset, model.answers(dataset), model.labels)
        identity = self._identity(cell, model)
        work = find_work(identity, dataset, self.store)
        if work.missing:
            self._fill_once(cell, model)
        answers = collect(work, identity, self.store)
        predictions = join(cell, dataset, answers, model.labels)
        if self.settings.limit is None and cell.restoration == "none":
            check_against_card(predictions, model.correct)
        return predictions

    def _identity(self, cell: Cell, model: RunnableModel) -> Any:
        restorer = get_restorer(cell.restoration)
        identity = model.identity(pick_device(self.settings.device), self.settings.dtype)
        return identity.with_restorer(restorer.name, restorer.weights)

    def _fill_once(self, wanted: Cell, model: RunnableModel) -> None:
        """Computes what the store lacks of every planned cell of one model, behind the model's lock.

        Under xdist the other workers wait here and then find the answers in the store. The lock saves
        work; the store is correct without it. Images that made the model fail are tried once per run: the
        worker that has tried them says so in a file beside the lock.
        """
        if wanted.model in self.broken:
            raise self.broken[wanted.model]
        self.store.check_writable()
        lock = self.store.lock_path(self._identity(wanted, model))
        lock.parent.mkdir(parents=True, exist_ok=True)
        tried, this_run = lock.with_suffix(".tried"), f"{wanted.model} in {self.run}"
        with FileLock(lock):
            if self.run and tried.exists() and tried.read_text(encoding="utf-8") == this_run:
                return
            try:
                self._fill(wanted, model)
            except ModelError as error:
                self.broken[wanted.model] = error
                raise
            tried.write_text(this_run, encoding="utf-8")

    def _fill(self, wanted: Cell, model: RunnableModel) -> None:
        loaded = None
        for cell in dict.fromkeys([wanted, *(cell for cell in self.planned if cell.model == wanted.model)]):
            try:
                identity = self._identity(cell, model)
                dataset = self.dataset(cell.dataset, cell.split)
            except HarnessError:
                if cell == wanted:
                    raise
                continue  # the test of that cell will say why
            work = find_work(identity, dataset, self.store)
            if not work.missing:
                continue
            if loaded is None:
                loaded = model.load(pick_device(self.settings.device), self.settings.dtype)
                self.loads[wanted.model] += 1
            compute(
                work,
                identity,
                dataset,
                loaded,
                self.store,
                batch_size=self.settings.batch_size,
                progress=partial(self._advance, cell, work),
            )

    def _advance(self, cell: Cell, work: Work, done: int) -> None:
        self.progress(cell, done, len(work.missing))

    def verdict(self, cell: ClaimCell) -> Verdict:
        """The verdict on one cell, settled together with its family.

        Raises:
            Unavailable: a model or dataset of this cell is absent.
        """
        outcome = self.family(cell.claim)[cell]
        if isinstance(outcome, HarnessError):
            raise outcome
        return outcome

    def _family(self, name: str) -> dict[ClaimCell, Verdict | HarnessError]:
        """Judges all planned cells of a claim; a cell that cannot be judged takes no part."""
        claim = get_claim(name)
        cells = list(dict.fromkeys(self.families[name]))
        evidence: dict[ClaimCell, list[Evidence]] = {}
        results: dict[ClaimCell, Verdict | HarnessError] = {}
        for cell in cells:
            try:
                evidence[cell] = [self.evidence(side) for side in cell.cells]
            except HarnessError as error:
                results[cell] = error
        findings = {cell: self._findings(sides) for cell, sides in evidence.items()}
        admitted = sum(not found for found in findings.values())
        for cell, sides in evidence.items():
            context = Context(
                cell=str(cell),
                alpha=self.settings.alpha,
                family_size=admitted,
                seed=self.settings.seed,
                replicates=self.settings.replicates,
                barred="; ".join(findings[cell]),
            )
            try:
                results[cell] = self._judge(claim, sides, context)
            except HarnessError as error:
                results[cell] = error
        judged = {cell: verdict for cell, verdict in results.items() if isinstance(verdict, Verdict)}
        return {**results, **dict(zip(judged, settle(list(judged.values())), strict=True))}

    def _findings(self, sides: list[Evidence]) -> list[str]:
        """What speaks against the published numbers among the evidence."""
        return [
            f"{side.model}: {why}"
            for side in sides
            if not isinstance(side, Predictions)
            for why in audit(
                side, self.suite.published, self.suite.noise_ceilings.get(f"{side.dataset}:{side.split}")
            )
        ]

    def _judge(self, claim: Claim, sides: list[Evidence], context: Context) -> Verdict:
        """Judges the evidence, and again without what a side has seen in training, where there is such."""
        masks = {
            side.cell: mask
            for side in sides
            if isinstance(side, Predictions) and (mask := self._seen_by(side.cell)) is not None
        }
        seen = np.any(list(masks.values()), axis=0)
        if masks and np.all(seen):
            context = replace(context, barred=context.barred or "every sample was trained on by one side")
        verdict = claim.judge(*sides, context)
        if not np.any(seen) or np.all(seen):
            return verdict
        rest = [side.subset(~seen) if isinstance(side, Predictions) else side for side in sides]
        return hold_on_unseen(verdict, claim.judge(*rest, context), int(seen.sum()))

    def _seen_by(self, cell: Cell) -> NDArray[np.bool_] | None:
        trained_on = getattr(self.model(cell.model), "trained_on", None)
        return None if trained_on is None else self.seen(cell.dataset, cell.split, trained_on)

    def _seen(self, name: str, split: str, trained_on: str) -> NDArray[np.bool_] | None:
        """Which samples of a dataset are pixel for pixel in what a model was trained on; None if unknown."""
        training, _, part = trained_on.partition(":")
        if training not in self.suite.datasets:
            return None
        try:
            known = load_dataset(self.suite.datasets[training], training, part, self.settings.data_root)
        except HarnessError:  # the card may name a split that this dataset does not have here
            return None
        return self.store.remember(
            [self.dataset(name, split).fingerprint, known.stamp, package_versions("pillow")["pillow"]],
            lambda: exact_overlap(self.dataset(name, split), known),
        )
