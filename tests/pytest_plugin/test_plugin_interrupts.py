"""Ctrl-C and SIGTERM end a run with status 2 and keep what is done."""

import os
import signal
import time

import pandas as pd
import pytest
from project import Outcome, logging_model

BATCH = 5
STOPS = pytest.mark.parametrize(
    ("stop", "workers"),
    [(signal.SIGINT, ()), (signal.SIGTERM, ("-n", "2"))],
    ids=["SIGINT", "SIGTERM with workers"],
)
# The second test of the metrics takes long; the process that writes the run folder says that it has heard of
# the first one.
WITNESS = """
import os, time
from pathlib import Path

def pytest_runtest_setup(item):
    if "quick" in item.name:
        time.sleep(600)

def pytest_runtest_logreport(report):
    if report.when == "teardown" and "PYTEST_XDIST_WORKER" not in os.environ:
        Path("heard").touch()
"""


@STOPS
def test_a_run_that_is_stopped_while_it_predicts_keeps_its_answers_and_the_next_one_makes_the_rest(
    make_project, stop, workers
):
    project = make_project()
    table = project.table("fast", project.answers(0))
    project.write_suite(table, logging_model("slow", seconds=0.6))
    process = project.start(
        "evals", "-k", "metrics", "--snapshot-update", "--batch-size", str(BATCH), *workers
    )
    wait_until(lambda: len(project.shards) >= 2, process)
    stopped = stop_it(project, process, stop)
    assert not list((project.root / "reports").glob("*"))  # no test has run, so there is nothing to report
    done = pd.concat([pd.read_parquet(shard) for shard in project.shards])
    assert 2 * BATCH <= len(done) < 150, stopped
    assert len(done) % BATCH == 0

    project.write_suite(table, logging_model("slow"))
    (project.root / "evals/models.log").unlink()
    resumed = project.pytest("evals", "-k", "metrics", "--snapshot-update")
    assert resumed.status == 0, resumed
    asked = sum(int(line.split()[2]) for line in project.log if line.startswith("ask"))
    assert asked == 150 - len(done)
    assert {cell["model"]: cell["n"] for cell in resumed.run["cells"]} == {"fast": 150, "slow": 150}
    assert resumed.run["model_loads"] == {"slow": 1}


@STOPS
def test_a_run_that_is_stopped_between_tests_reports_those_that_are_done(make_project, stop, workers):
    project = make_project(conftest=WITNESS)
    project.write_suite(project.table("outside", project.answers(0)), logging_model("quick"))
    process = project.start("evals", "-k", "metrics", "--snapshot-update", *workers)
    wait_until(lambda: (project.root / "heard").exists(), process)
    stopped = stop_it(project, process, stop)
    assert [cell["model"] for cell in stopped.run["cells"]] == ["outside"]
    assert (project.latest / "report.html").is_file()
    assert f"report: {project.latest.resolve() / 'report.html'}" in stopped.stdout


def stop_it(project, process, stop) -> Outcome:
    """What a run leaves that is told to stop: status 2, and no traceback."""
    process.send_signal(stop)
    stdout, stderr = process.communicate(timeout=60)
    stopped = Outcome(project, process.returncode, stdout, stderr)
    assert stopped.status == 2, stopped
    assert "Traceback" not in stdout + stderr, stopped
    return stopped


def wait_until(happened, process):
    """Waits for a condition while a process runs; its group is killed when that takes too long."""
    deadline = time.monotonic() + 90
    while not happened():
        if process.poll() is not None or time.monotonic() > deadline:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            pytest.fail("\n".join(process.communicate()))
        time.sleep(0.05)
