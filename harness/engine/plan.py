"""The plan of a run: what the store lacks, as jobs.

One job is one model, or one restorer, on one source of stimuli, with all that it is asked about them. Jobs of
one worker follow each other, so that it is loaded once; restorers come first, since what they make is what
models see, and models that are computed from the answers of others come last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Literal

from harness.engine.asked import Asked
from harness.engine.bench import Bench, Need
from harness.engine.source import Source
from harness.engine.work import find_work
from harness.errors import HarnessError
from harness.identity import Identity
from harness.models import RunnableModel
from harness.predictions import Cell
from harness.restoration import NONE

Stage = Literal["restore", "answer"]
STAGES: tuple[Stage, ...] = ("restore", "answer")


@dataclass(frozen=True)
class Embedding:
    """A source of stimuli as a fixed encoder sees it.

    Attributes:
        encoder: a model of the suite.
        source: the stimuli.
    """

    encoder: str
    source: Source


@dataclass(frozen=True)
class Job:
    """What one worker is to do with one source.

    Attributes:
        stage: whether the worker is a restorer or a model.
        worker: its name in the suite.
        identity: of the worker as it was planned with; answers of other files are never stored.
        source: the stimuli; a restorer is given them as published.
        asked: all that it is asked about them.
        missing: rows that the store lacks; None where that is known once the stimuli are restored.
    """

    stage: Stage
    worker: str
    identity: Identity
    source: Source
    asked: tuple[Asked, ...]
    missing: int | None = None


@dataclass(frozen=True)
class Plan:
    """What a run has to do.

    Attributes:
        jobs: in the order in which they are run; none of them is done already.
        restored: all sources with restored pixels that the run reads.
        absent: what cannot be had, and why: no job is about it, and who reads its answers is told the same.
    """

    jobs: tuple[Job, ...] = ()
    restored: tuple[Source, ...] = ()
    absent: tuple[tuple[str, str], ...] = ()

    def stages(self) -> Iterator[list[tuple[str, list[Job]]]]:
        """For each stage the workers and their jobs. A stage starts when the one before it is done."""
        for _, jobs in groupby(self.jobs, lambda job: job.stage):
            yield [(name, list(some)) for name, some in groupby(jobs, lambda job: job.worker)]

    def __bool__(self) -> bool:
        return bool(self.jobs)


def make_plan(bench: Bench, cells: Iterable[Cell], embeddings: Iterable[Embedding] = ()) -> Plan:
    """The jobs behind some cells and embeddings.

    Args:
        bench: the suite, opened.
        cells: whose answers are wanted.
        embeddings: what is wanted of encoders.
    """
    needs: dict[str, dict[Source, list[Asked]]] = {}
    absent: dict[tuple[str, str], None] = {}
    for model, what, find in _wanted(bench, cells, embeddings):
        try:
            found = find()
        except HarnessError as error:
            absent[what, str(error)] = None
            continue
        for need in found:
            needs.setdefault(model, {}).setdefault(need.source, []).extend(need.asked)
    restored = [source for of_one in needs.values() for source in of_one if source.restoration != NONE]
    # Some sources share images, and the whole of a split is shorter to restore than its parts.
    by_restorer = sorted(dict.fromkeys(restored), key=lambda source: (source.restoration, len(source.subset)))
    jobs: list[Job] = []
    for source in by_restorer:
        asked = bench.restorer_asked(source.restoration)
        job = Job("restore", source.restoration, asked.identity, source, (asked,))
        missing = len(find_work(asked.identity, bench.published(source.published), bench.pixels).missing)
        jobs += [replace(job, missing=missing)] if missing else []
    unfinished = {job.source for job in jobs}
    for model, of_one in needs.items():
        for source, questions in of_one.items():
            identity = bench.respondent(model).identity
            job = Job("answer", model, identity, source, _distinct(questions))
            # Not looked at before they are whole: what is opened once is what all of the run sees.
            lacking = None if source in unfinished else _lacking(bench, job)
            jobs += [] if lacking == 0 else [replace(job, missing=lacking)]
    return Plan(tuple(jobs), tuple(by_restorer), tuple(absent))


def _wanted(
    bench: Bench, cells: Iterable[Cell], embeddings: Iterable[Embedding]
) -> Iterator[tuple[str, str, Callable[[], list[Need]]]]:
    """Models, for what they are wanted, and how to find what the store must hold for it."""
    for cell in dict.fromkeys(cells):
        yield cell.model, str(cell), partial(_needs, bench, cell)
    for one in dict.fromkeys(embeddings):
        what = f"embeddings of {one.source} by {one.encoder}"
        yield one.encoder, what, partial(_features, bench, one)


def _needs(bench: Bench, cell: Cell) -> list[Need]:
    return bench.needs(cell) if isinstance(bench.model(cell.model), RunnableModel) else []


def _features(bench: Bench, one: Embedding) -> list[Need]:
    return [bench.features(one.encoder, one.source)]


def _distinct(asked: Iterable[Asked]) -> tuple[Asked, ...]:
    """One of each question; those that share an identity, as all to embeddings do, differ in their words."""
    return tuple({(one.identity.digest(), one.question): one for one in asked}.values())


def _lacking(bench: Bench, job: Job) -> int:
    """The rows and arrays that the store lacks of a model's job."""
    dataset = bench.images(job.source)
    identities = {one.identity.digest(): one.identity for one in job.asked}.values()
    rows = sum(len(find_work(identity, dataset, bench.store).missing) for identity in identities)
    return rows + len(bench.respondent(job.worker).lacks(job.asked))
