"""Real processes: one that dies takes nothing with it, and two at once do no harm."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from evaluating import bench
from tiny_suite import SUITE, Reader, Stalling, write_suite

from harness.engine import Bench, Evidence, Local, make_plan
from harness.errors import ModelError
from harness.predictions import Cell

HARNESS = [sys.executable, "-c", "from harness.cli import main; main()"]
TEXT = (
    SUITE.replace('"reader"', '"tiny_suite:Reader"')
    + """
[models.fatal]
adapter = "test_processes:Fatal"
[models.deadly]
adapter = "test_processes:Fatal"
every = 2
[models.stalling]
adapter = "tiny_suite:Stalling"
"""
)
BATCH = 16
# Answers some cells as one process of a run; prints what came of it.
SCRIPT = """
import json, sys
from pathlib import Path
from evaluating import bench
from test_processes import TEXT, cell
from harness.engine import Local, make_plan
opened = bench(Path(sys.argv[1]), TEXT)
plan = make_plan(opened, map(cell, sys.argv[2].split(",")))
report = Local(opened, run=Path(sys.argv[1]) / "run").run(plan)
print(json.dumps([report.loads["answer"], list(report.failures["answer"])]))
"""


class Fatal(Reader):
    """A model that ends its process when it is loaded, as a lack of memory does."""

    def load(self, device: str, dtype: str) -> Reader:
        os._exit(7)


def cell(model: str, split: str = "test") -> Cell:
    return Cell(model, "tiny", split)


def environment() -> dict[str, str]:
    paths = [str(Path(__file__).parent), *filter(None, sys.path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def launch(folder: Path, *models: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, str(folder), ",".join(models)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment())


def ended(process: subprocess.Popen[str]) -> tuple[int, list | None]:
    out, _ = process.communicate(timeout=120)
    return process.returncode, json.loads(out) if out else None


@pytest.fixture
def opened(tmp_path: Path) -> Bench:
    return bench(tmp_path, TEXT)


def test_a_worker_that_kills_its_process_is_not_tried_again_and_the_others_go_on(opened, tmp_path):
    models = ("good", "fatal", "middling", "deadly")
    # Workers of xdist are started anew; each knows what the ones before it died of.
    assert [ended(launch(tmp_path, *models)) for _ in range(4)] == [
        (7, None),
        (7, None),
        (0, [{}, ["fatal", "deadly"]]),
        (0, [{}, ["fatal", "deadly"]]),
    ]
    evidence = Evidence(opened, Local(opened, run=tmp_path / "run").run(make_plan(opened, map(cell, models))))
    for model in ("fatal", "deadly"):
        with pytest.raises(ModelError, match=f"^{model} took down the process that ran it.*Run it alone"):
            evidence.predictions(cell(model))
    assert [len(evidence.predictions(cell(model))) for model in ("good", "middling")] == [90, 90]


def test_another_run_tries_it_again(opened, tmp_path):
    for run in ("one", "other"):
        assert ended(launch(tmp_path, "fatal")) == (7, None)
        (tmp_path / "run").rename(tmp_path / run)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_stopped_loses_at_most_a_batch(opened, tmp_path, how, monkeypatch):
    process, identity = launch(tmp_path, "stalling", "good"), opened.respondent("stalling").identity
    deadline = time.monotonic() + 120
    while len(opened.store.read(identity)) < 3 * BATCH:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "it answers no third batch"
        time.sleep(0.05)
    time.sleep(0.2)  # it is at the fourth
    process.send_signal(how)
    assert ended(process)[0] != 0
    assert len(opened.store.read(identity)) == 3 * BATCH

    monkeypatch.setattr(Stalling, "classify", Reader.classify)
    done = []
    resumed = Local(opened, progress=lambda worker, made, total: done.append((made, total)))
    report = resumed.run(make_plan(opened, [cell("stalling")]))
    assert len(Evidence(opened, report).predictions(cell("stalling"))) == 90
    assert (sum(made for made, _ in done), {total for _, total in done}) == (42, {42})


def test_runs_of_the_same_second_on_one_store_answer_everything_each(tmp_path):
    """Jobs of a matrix share a store, and start together with the same path and other cells."""
    write_suite(tmp_path, TEXT)
    wanted = [("good", "test"), ("good", "train"), ("good", "test"), ("middling", "test")]
    where = ["--suite", "suite.toml", "--data-root", "data", "--store", "store", "--device", "cpu", "--json"]
    processes = [
        subprocess.Popen(
            [*HARNESS, "predict", model, "--dataset", f"tiny:{split}", "--out", f"{number}.csv", *where],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        for number, (model, split) in enumerate(wanted)
    ]
    for process in processes:
        _, error = process.communicate(timeout=180)
        assert process.returncode == 0, error
    for number, (_, split) in enumerate(wanted):
        rows = (tmp_path / f"{number}.csv").read_text().splitlines()[1:]
        assert len(rows) == (90 if split == "test" else 30)
        assert all(row.split(",")[1] for row in rows)
    assert (tmp_path / "0.csv").read_text() == (tmp_path / "2.csv").read_text()
