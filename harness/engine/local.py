"""The engine of one machine: runs a plan worker by worker, and is the one that writes the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock

from harness.datasets import Dataset
from harness.engine.asked import Asked
from harness.engine.bench import Bench
from harness.engine.costs import costs_of
from harness.engine.fill import compute
from harness.engine.plan import Job, Plan, Stage
from harness.engine.report import Failure, Report
from harness.engine.work import Work, find_work
from harness.engine.worker import ModelWorker, RestorerWorker, Worker
from harness.errors import ModelError, StoreError
from harness.models.endpoint.budget import Budget
from harness.store.answers import Store
from harness.tools.slow_paths import noting

Progress = Callable[[str, int, int], Any]  # worker, rows just made, rows to make


class Engine(Protocol):
    """Whatever can run a plan, on this machine or on many."""

    def run(self, plan: Plan) -> Report:
        """Does the jobs of a plan. A job that fails keeps none of the others from being done.

        Raises:
            KeyboardInterrupt: somebody stopped it; all batches but the one in flight are kept.
        """


class Local:
    """Runs a plan in this process: one worker after the other, each loaded once.

    Args:
        bench: the suite, opened.
        run: a folder that the processes of one run share, or None. A worker that took its process down is
            known by what it left there, and not tried again.
        progress: called with a worker, the rows of a batch that was just kept, and the rows to make.
    """

    def __init__(
        self,
        bench: Bench,
        *,
        run: Path | None = None,
        progress: Progress = lambda worker, done, total: None,
    ) -> None:
        self.bench, self.folder, self.progress = bench, run, progress
        self.budget = Budget(bench.settings.max_cost, run / "spent.txt" if run else None)

    def run(self, plan: Plan) -> Report:
        """See `Engine.run`."""
        report = Report()
        for stage in plan.stages():
            for name, jobs in stage:
                self.work(name, jobs, report)
        report.restoration_costs = costs_of(self.bench, plan.restored)
        return report

    def work(self, name: str, jobs: Sequence[Job], report: Report) -> None:
        """Has one worker do its jobs, and keeps what keeps it from that."""
        stage, mark = jobs[0].stage, self._mark(name, jobs[0].stage)
        if mark and mark.exists():
            died = ModelError(
                f"{name} took down the process that ran it, which memory or a broken driver can make it do. "
                "Run it alone to see why; what it answered is kept."
            )
            report.failures[stage][name] = Failure.of(died, name)
            return
        try:
            if mark:
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.touch()
            with noting(name, report.slow_paths):
                self._fill(name, jobs, report)
        except Exception as error:
            report.failures[stage][name] = Failure.of(error, name)
        if mark:
            mark.unlink(missing_ok=True)

    def _mark(self, name: str, stage: Stage) -> Path | None:
        """A file that is there while a worker is at work."""
        if self.folder is None:
            return None
        return self.folder / "working" / hashlib.sha256(f"{stage}/{name}".encode()).hexdigest()[:32]

    def _fill(self, name: str, jobs: Sequence[Job], report: Report) -> None:
        """Loads the worker when something is missing, and has it do all of it, stimuli first.

        Behind a lock, so that two runs on one store load it one after the other and the second finds what the
        first has made. The lock saves work; the store is correct without it.
        """
        store = self.bench.pixels if jobs[0].stage == "restore" else self.bench.store
        store.check_writable()
        lock = store.lock_path(jobs[0].asked[0].identity)
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            stimuli = [(job, dataset) for job in jobs if (dataset := self._stimuli(job)) is not None]
            worker, asked = self._worker(jobs[0]), [one for job, _ in stimuli for one in job.asked]
            total = _rows([work for job, dataset in stimuli for work in _missing(job, dataset, store)])
            if total == 0 and not worker.lacks(asked):
                return
            worker.load()
            report.loads[jobs[0].stage][name] = 1
            for key, array in worker.texts(asked):
                store.keep(key, array)
            batch_size = worker.batch_size(self.bench.settings.batch_size)
            for job, dataset in stimuli:
                compute(
                    _missing(job, dataset, store),  # anew, since sources share pictures
                    dataset,
                    worker,
                    store,
                    batch_size=batch_size,
                    progress=lambda done: self.progress(name, done, total),
                )

    def _stimuli(self, job: Job) -> Dataset | None:
        """The pictures that a worker is given; None where no restorer has made them, which is told of it."""
        if job.stage == "restore":
            return self.bench.published(job.source.published)
        with suppress(StoreError):
            return self.bench.images(job.source)
        return None

    def _worker(self, job: Job) -> Worker:
        bench, suite = self.bench, self.bench.suite
        if job.stage == "restore":
            return RestorerWorker(job.worker, job.identity, suite.restorations, bench.files, bench.device)
        entry, how = suite.models[job.worker], (bench.device, bench.settings.dtype)
        store = bench.settings.store
        return ModelWorker(job.worker, job.identity, entry, bench.files, *how, store, self.budget)


def _missing(job: Job, dataset: Dataset, store: Store) -> list[tuple[Asked, Work]]:
    """What the store lacks of a job, per identity; questions that share one are one piece of work."""
    distinct = {one.identity.digest(): one for one in job.asked}
    return [(one, find_work(one.identity, dataset, store)) for one in distinct.values()]


def _rows(works: Sequence[tuple[Asked, Work]]) -> int:
    """How many rows are missing, those that several sources lack counted once."""
    return len(
        {(one.identity.digest(), work.digests[index]) for one, work in works for index in work.missing}
    )
