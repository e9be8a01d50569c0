"""The processes of a run plan, predict and judge once for all of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from evaluating import claim_tests, evaluate, judged, project
from tiny_suite import SUITE, Reader, write_suite

from harness.engine import Local, Report
from harness.errors import ModelError
from harness.judging import Evaluation
from harness.judging.judge import Judge
from harness.predictions import Cell

CLAIM = "cnn_beats_vlm"
GOOD = Cell("good", "tiny", "test")
TWO_SETS = SUITE.replace('["tiny:test"]', '["tiny:test", "copy:test"]') + (
    "[datasets.copy]\nadapter = 'images'\nspace = ['angry', 'happy', 'sad']\n"
)
# One process of a run: waits for the others, then judges; prints what it loaded and found.
PROCESS = """
import json, sys
from pathlib import Path
from evaluating import claim_tests, evaluate, project
from harness.models.registry import ADAPTERS
from tiny_suite import Reader
ADAPTERS["reader"] = "tiny_suite:Reader"
suite, settings = project(Path(sys.argv[1]))
tests = claim_tests(suite, "cnn_beats_vlm")
sys.stdin.readline()
evaluation = evaluate(suite, settings, claims=tests, folder=Path(sys.argv[2]))
verdicts = [evaluation.verdict(test).as_dict() for test in tests]
print(json.dumps([dict(Reader.loads), evaluation.evidence.report.as_dict()["loads"], verdicts]))
"""


@pytest.fixture
def start(tmp_path: Path):
    """A run of the tiny suite; each call is a new one."""
    return partial(project, tmp_path)


def test_a_second_run_remembers_its_verdicts(start, monkeypatch):
    suite, settings = start()
    tests = claim_tests(suite, CLAIM)
    before = judged(suite, settings, tests)
    monkeypatch.setattr("harness.judging.judge.judge_unseen", None)
    assert judged(*start(), tests) == before
    with pytest.raises(TypeError):  # it would judge
        judged(*start(seed=1), tests)


def test_what_is_wanted_is_that_of_cells_and_tests_whose_models_run(start):
    suite, settings = start()
    test, *_ = claim_tests(suite, CLAIM, model="middling")
    evaluation = Evaluation(suite, settings, "default", [GOOD, GOOD, Cell("nobody", "tiny", "test")], [test])
    assert [cell.model for cell in evaluation.cells] == ["good", "middling", "outside"]
    assert [job.worker for job in evaluation.plan().jobs] == ["good", "middling"]


def test_predicting_twice_is_predicting_once(start):
    evaluation = evaluate(*start(), [GOOD])
    assert evaluation.predict() is evaluation.evidence.report
    assert Reader.loads == {"10": 1}


def test_another_engine_can_do_it(start):
    planned = []

    class Watched(Local):
        def run(self, plan) -> Report:
            planned.extend(job.worker for job in plan.jobs)
            return super().run(plan)

    suite, settings = start()
    evaluation = Evaluation(suite, settings, "default", [GOOD])
    evaluation.predict(Watched(evaluation.bench))
    assert planned == ["good"]
    assert len(evaluation.evidence.predictions(GOOD)) == 90


def test_processes_of_a_run_load_each_model_once_and_agree(tmp_path):
    write_suite(tmp_path)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", PROCESS, str(tmp_path), str(tmp_path / "run")]
    processes = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    found = [json.loads(text) for text in told]
    loaded = [loads for loads, *_ in found if loads]
    assert loaded == [{"10": 1, "3": 1}]
    assert {json.dumps(report) for _, report, _ in found} == {
        json.dumps({"restore": {}, "answer": {"good": 1, "middling": 1}})
    }
    assert found[0][2] == found[1][2] == found[2][2]
    assert [verdict["verdict"] for verdict in found[0][2]] == ["supported", "supported"]


def test_an_error_is_the_same_in_every_process_with_its_details(start, tmp_path):
    suite, settings = start(SUITE + "[models.torn]\nadapter = 'reader'\nevery = 7\nfails = true\n")
    (test,) = claim_tests(suite, CLAIM, model="torn")
    told = []
    for _ in range(2):
        evaluation = evaluate(suite, settings, claims=[test], folder=tmp_path / "run")
        with pytest.raises(ModelError, match=r"reader\.safetensors is corrupt") as caught:
            evaluation.verdict(test)
        told.append((str(caught.value), caught.value.details))
    assert told[0] == told[1]
    assert Reader.loads == {"7": 1}


def test_while_one_process_is_at_a_family_another_judges_the_others(tmp_path, monkeypatch):
    write_suite(tmp_path)
    (tmp_path / "data" / "copy").symlink_to(tmp_path / "data" / "tiny")
    suite, settings = project(tmp_path, TWO_SETS)
    tests = {test.cells[0].dataset: test for test in claim_tests(suite, CLAIM, model="good")}
    begun, go_on, order, family = {name: Event() for name in tests}, Event(), [], Judge.family

    def watched(self, claim, dataset, cells):
        order.append(dataset)
        begun[dataset].set()
        if dataset == "tiny":
            go_on.wait(60)
        return family(self, claim, dataset, cells)

    monkeypatch.setattr(Judge, "family", watched)
    slow, other = (
        evaluate(suite, settings, claims=tests.values(), folder=tmp_path / "run") for _ in range(2)
    )
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(slow.verdict, tests["tiny"])
        assert begun["tiny"].wait(60)
        second = pool.submit(other.verdict, tests["tiny"])
        assert begun["copy"].wait(60)  # while the first is at the other one
        go_on.set()
        assert first.result() == second.result()
    assert order == ["tiny", "copy"]
    slow.verdict(tests["copy"])
    assert order == ["tiny", "copy"]
