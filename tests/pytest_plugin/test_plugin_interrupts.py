"""Ctrl-C and SIGTERM end a run with status 2 and keep what is done."""

import os
import signal
import time

import pandas as pd
import pytest
from project import Outcome, logging_model

# The process that writes the run folder says when it has heard of a finished test.
WITNESS = """
import os
from pathlib import Path

def pytest_runtest_logreport(report):
    if report.when == "teardown" and "PYTEST_XDIST_WORKER" not in os.environ:
        Path("heard").touch()
"""
BATCH = 5


@pytest.mark.parametrize(
    ("stop", "workers"),
    [(signal.SIGINT, ()), (signal.SIGTERM, ("-n", "2"))],
    ids=["SIGINT", "SIGTERM with workers"],
)
def test_an_interrupted_run_is_recorded_and_the_next_one_computes_the_rest(make_project, stop, workers):
    project = make_project(conftest=WITNESS)
    table = project.table("fast", project.answers(0))
    project.write_suite(table, logging_model("slow", seconds=0.6))
    process = project.start(
        "evals", "-k", "metrics", "--snapshot-update", "--batch-size", str(BATCH), *workers
    )
    wait_until(lambda: len(project.shards) >= 2 and (project.root / "heard").exists(), process)
    process.send_signal(stop)
    stdout, stderr = process.communicate(timeout=60)
    stopped = Outcome(project, process.returncode, stdout, stderr)

    assert stopped.status == 2, stopped
    assert "Traceback" not in stdout + stderr, stopped
    assert [cell["model"] for cell in stopped.run["cells"]] == ["fast"]
    assert (project.latest / "report.html").is_file()
    assert f"report: {project.latest.resolve() / 'report.html'}" in stdout
    done = pd.concat([pd.read_parquet(shard) for shard in project.shards])
    assert 2 * BATCH <= len(done) < 150
    assert len(done) % BATCH == 0

    project.write_suite(table, logging_model("slow"))
    (project.root / "evals/models.log").unlink()
    resumed = project.pytest("evals", "-k", "metrics", "--snapshot-update")
    assert resumed.status == 0, resumed
    asked = sum(int(line.split()[2]) for line in project.log if line.startswith("ask"))
    assert asked == 150 - len(done)
    assert {cell["model"]: cell["n"] for cell in resumed.run["cells"]} == {"fast": 150, "slow": 150}
    assert resumed.run["model_loads"] == {"slow": 1}


def wait_until(happened, process):
    """Waits for a condition while a process runs; its group is killed when that takes too long."""
    deadline = time.monotonic() + 90
    while not happened():
        if process.poll() is not None or time.monotonic() > deadline:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            pytest.fail("\n".join(process.communicate()))
        time.sleep(0.05)
