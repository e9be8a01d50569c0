"""Workers are plain data until they are asked, so that another process can be given one."""

from __future__ import annotations

import pickle
import sys
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pytest
from evaluating import bench
from tiny_restorers import Shift
from tiny_suite import SUITE, Reader

from harness.engine import Bench, Job, Local, Source, make_plan
from harness.engine.worker import ModelWorker, RestorerWorker
from harness.errors import ModelError
from harness.predictions import Cell
from harness.stimuli import Stimulus

# Adapters by their full names: a new process has nothing registered.
TEXT = SUITE.replace('"reader"', '"tiny_suite:Reader"') + (
    '[restorations.shift]\nadapter = "tiny_restorers:Shift"\n'
)
PLAIN, RESTORED = (Cell("good", "tiny", "test", name) for name in ("none", "shift"))


@pytest.fixture
def opened(tmp_path: Path) -> Bench:
    return bench(tmp_path, TEXT)


def job(opened: Bench, stage: str) -> Job:
    return next(job for job in make_plan(opened, [RESTORED, PLAIN]).jobs if job.stage == stage)


def model(opened: Bench) -> tuple[ModelWorker, Job]:
    """The worker that answers, and what it has to do about pictures as published."""
    worker = Local(opened)._worker(job(opened, "answer"))
    (plain,) = make_plan(opened, [PLAIN]).jobs
    return worker, plain


def restorer(opened: Bench) -> tuple[RestorerWorker, Job]:
    restoring = job(opened, "restore")
    return Local(opened)._worker(restoring), restoring


def pictures(opened: Bench) -> dict[str, Stimulus]:
    dataset = opened.published(Source("tiny", "test"))
    return {str(dataset.digest(index)): dataset.stimulus(index) for index in range(12)}


def told(tables: list[pa.Table]) -> list[list[dict]]:
    """Rows without what differs from one time to the next."""
    costs = ("latency_s", "peak_memory_mb")
    return [
        [{key: value for key, value in row.items() if key not in costs} for row in table.to_pylist()]
        for table in tables
    ]


def ask(worker, images, asked) -> list[pa.Table]:
    """All steps of an answer, one after the other."""
    ready = worker.prepare(images, asked)
    return worker.tables(worker.forward(ready, images, asked), images, asked)


def elsewhere(body: bytes, path: list[str]) -> tuple[bytes, list[pa.Table]]:
    """Runs in a new process: asks a worker, and gives it back."""
    sys.path[:] = path
    worker, images, asked = pickle.loads(body)
    worker.load()
    tables = ask(worker, images, asked)
    return pickle.dumps(worker), tables


@pytest.mark.parametrize("make", [model, restorer])
def test_it_pickles_before_and_after_it_was_loaded_and_answers_the_same(opened, make):
    worker, planned = make(opened)
    new = pickle.dumps(worker)
    tables = ask(worker, pictures(opened), planned.asked)
    used = pickle.dumps(worker)
    assert used == new  # nothing that is loaded travels
    for body in (new, used):
        assert told(ask(pickle.loads(body), pictures(opened), planned.asked)) == told(tables)
    assert len(tables) == len(planned.asked) == 1
    assert tables[0].column("pixel_digest").to_pylist() == list(pictures(opened))


@pytest.mark.parametrize("make", [model, restorer])
def test_a_process_that_is_given_one_makes_the_same_rows(opened, make):
    worker, planned = make(opened)
    images = pictures(opened)
    body = pickle.dumps((worker, images, planned.asked))
    with get_context("spawn").Pool(1) as pool:
        back, tables = pool.apply(elsewhere, (body, sys.path))
    assert told(tables) == told(ask(worker, images, planned.asked))
    assert told(ask(pickle.loads(back), images, planned.asked)) == told(tables)


def test_nothing_is_loaded_before_it_is_asked(opened, monkeypatch):
    monkeypatch.setattr(Shift, "loads", type(Shift.loads)())
    for make in (model, restorer):
        worker, planned = make(opened)
        assert worker.lacks(planned.asked) == []
        assert worker.texts(planned.asked) == []
        pickle.loads(pickle.dumps(worker))
    assert (Reader.loads, Shift.loads) == ({}, {})
    worker, planned = model(opened)
    for _ in range(2):
        worker.load()
        ask(worker, pictures(opened), planned.asked)
    assert Reader.loads == {"10": 1}


@pytest.mark.parametrize("make", [model, restorer])
def test_one_that_was_planned_with_other_files_answers_nothing(opened, make):
    worker, _ = make(opened)
    worker.identity = opened.respondent("middling").identity
    with pytest.raises(ModelError, match="Files of test:reader have changed.*no answer of theirs was stored"):
        worker.load()


def test_its_batches_are_the_smallest_that_anybody_asks_for(opened):
    for make in (model, restorer):
        worker, _ = make(opened)
        assert worker.batch_size(64) == 64
        worker.held.loaded.batch_size = 3
        assert worker.batch_size(64) == 3
        assert worker.batch_size(2) == 2
