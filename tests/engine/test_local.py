"""The engine does every job that can be done, tells why of the others, and tries nothing twice."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from evaluating import bench, evaluate, project
from tiny_restorers import Shift
from tiny_suite import SUITE, Reader

from harness.engine import Bench, Evidence, Failure, Job, Local, Plan, Report, make_plan
from harness.errors import HarnessError, ModelError, Unavailable
from harness.predictions import Cell
from harness.tools.slow_paths import SlowPath

TEXT = (
    SUITE
    + """
[models.torn]
adapter = "reader"
every = 7
fails = true
[models.broken]
adapter = "test_local:Broken"
[restorations.shift]
adapter = "tiny_restorers:Shift"
[restorations.torn]
adapter = "tiny_restorers:Shift"
by = 2
fails = true
"""
)


class Broken(Reader):
    """A reader whose package has a fault."""

    def load(self, device: str, dtype: str) -> Reader:
        return {}["no such key"]


def cell(model: str, restoration: str = "none", split: str = "test") -> Cell:
    return Cell(model, "tiny", split, restoration)


@pytest.fixture
def opened(tmp_path: Path, monkeypatch):
    """A bench of the tiny suite; each call is a new process as far as it can tell."""
    for name in ("loads", "shown"):
        monkeypatch.setattr(Shift, name, type(Shift.loads)())
    return partial(bench, tmp_path, TEXT)


def run(opened: Bench, *cells: Cell, **options) -> Evidence:
    return Evidence(opened, Local(opened, **options).run(make_plan(opened, cells)))


class TestFailures:
    def test_a_worker_that_fails_leaves_the_others(self, opened):
        evidence = run(opened(), *map(cell, ("good", "torn", "broken", "middling")))
        assert list(evidence.report.failures["answer"]) == ["torn", "broken"]
        assert evidence.report.loads["answer"] == {"good": 1, "middling": 1}
        for model in ("good", "middling"):
            assert len(evidence.predictions(cell(model))) == 90

    def test_what_was_foreseen_keeps_its_kind_and_its_line(self, opened):
        evidence = run(opened(), cell("torn"))
        with pytest.raises(ModelError, match=r"^The checkpoint reader\.safetensors is corrupt\.") as caught:
            evidence.predictions(cell("torn"))
        assert caught.value.details == ""

    def test_an_error_of_somebody_elses_kind_is_of_the_nearest_one_here(self):
        class Unlicensed(Unavailable):
            """What a package outside of the harness raises."""

        raised = Unlicensed("It is not here.")
        raised.details = "Traceback"
        again = Failure(**asdict(Failure.of(raised, "x"))).error()
        assert (type(again), str(again), again.details) == (Unavailable, "It is not here.", "Traceback")

    def test_what_was_not_is_an_error_with_its_traceback(self, opened):
        evidence = run(opened(), cell("broken"))
        with pytest.raises(ModelError, match="^broken broke with KeyError: 'no such key'$") as caught:
            evidence.predictions(cell("broken"))
        assert 'return {}["no such key"]' in caught.value.details

    def test_a_restorer_that_fails_keeps_only_its_own_pictures_from_being_answered(self, opened):
        cells = [cell("good", name) for name in ("torn", "shift", "none")]
        evidence = run(opened(), *cells)
        with pytest.raises(ModelError, match=r"shift\.pth do not fit"):
            evidence.predictions(cells[0])
        assert [len(evidence.predictions(one)) for one in cells[1:]] == [90, 90]
        assert evidence.report.loads == {"restore": {"shift": 1}, "answer": {"good": 1}}
        assert list(evidence.report.failures["answer"]) == []

    def test_who_was_not_planned_is_not_blamed(self, opened):
        evidence = run(opened(), cell("torn"))
        with pytest.raises(HarnessError, match="have not been computed or are gone") as caught:
            evidence.predictions(cell("good"))
        assert "corrupt" not in str(caught.value)

    def test_pictures_that_broke_a_model_are_tried_once_per_run(self, opened, monkeypatch):
        tried = []

        def classify(self, images):
            tried.extend(int(image[0, 1]) for image in images)
            if any(image[0, 1] == 7 for image in images):
                raise ValueError("too much for me")
            return np.eye(3, dtype=np.float32)[[0] * len(images)]

        monkeypatch.setattr(Reader, "classify", classify)
        for expected in (2, 4):  # each run asks with a batch, then one by one
            evidence = run(opened(), cell("good"), cell("good", split="train"))
            for _ in range(3):
                evidence.predictions.cache_clear()
                assert (evidence.predictions(cell("good")).table["outcome"] == "failed").sum() == 1
            assert tried.count(7) == expected


class TestJobs:
    def test_one_that_another_run_has_done_meanwhile_loads_nothing(self, opened):
        late = opened()
        plan = make_plan(late, [cell("good", "shift"), cell("good")])
        run(opened(), cell("good", "shift"), cell("good"))
        report = Local(late).run(plan)
        assert report.loads == {"restore": {}, "answer": {}}
        assert (Reader.loads, Shift.loads) == ({"10": 1}, {1: 1})
        assert len(Evidence(late, report).predictions(cell("good", "shift"))) == 90

    def test_one_job_by_itself_is_a_plan(self, opened):
        late = opened()
        (job,) = make_plan(late, [cell("good")]).jobs
        assert isinstance(job, Job)
        assert Local(late).run(Plan((job,))).loads["answer"] == {"good": 1}

    def test_no_lock_is_taken_within_another(self, opened, monkeypatch):
        held, deepest = [], []

        class Watched:
            def __init__(self, path):
                self.path = path

            def __enter__(self):
                held.append(self.path)
                deepest.append(len(held))

            def __exit__(self, *error):
                held.remove(self.path)

        monkeypatch.setattr("harness.engine.local.FileLock", Watched)
        run(opened(), cell("good"), cell("good", "shift"), cell("middling", "bicubic"))
        assert len(deepest) == 4  # two restorers, two models
        assert max(deepest) == 1

    def test_progress_counts_what_there_was_to_do(self, opened):
        steps = []
        run(opened(), cell("good", "shift"), cell("good"), progress=lambda *step: steps.append(step))
        for worker, rows in (("shift", 90), ("good", 180)):
            made = [(done, total) for name, done, total in steps if name == worker]
            assert sum(done for done, _ in made) == rows
            assert {total for _, total in made} == {rows}


def test_a_report_survives_plain_values(tmp_path):
    report = Report(
        {"restore": {"shift": 1}, "answer": {"good": 1}},
        {"restore": {}, "answer": {"torn": Failure("ModelError", "It is torn.", "Traceback")}},
        {SlowPath("good", "sweep", "unfit", "because", "Traceback"): None},
        [{"restoration": "shift", "images": 3, "seconds_per_image": 0.5, "peak_memory_mb": 7.0}],
    )
    assert Report.from_dict(report.as_dict()) == report
    both = Report.from_dict(report.as_dict())
    both.add(report)
    assert both.loads == {"restore": {"shift": 2}, "answer": {"good": 2}}
    assert (both.failures, both.slow_paths) == (report.failures, report.slow_paths)


def test_a_store_that_cannot_be_written_fails_the_worker_and_serves_what_it_has(tmp_path):
    """A file in the place of its folder: permissions do not stop root."""
    suite, settings = project(tmp_path, TEXT)
    settings.store.write_text("no folder")
    evidence = evaluate(suite, settings, [cell("good"), cell("outside")]).evidence
    with pytest.raises(HarnessError, match="The store .* cannot be written .*--store"):
        evidence.predictions(cell("good"))
    assert len(evidence.predictions(cell("outside"))) == 90
    assert Reader.loads == {}
