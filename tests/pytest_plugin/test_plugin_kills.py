"""Runs, predictions, restorations and trainings that are killed anywhere end as if nothing had happened.

A few kills with every change; HARNESS_KILLS=50 makes 50, each at another moment, of trainings too.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from project import Project, logging_model

KILLS = int(os.environ.get("HARNESS_KILLS", "3"))
# Other moments each night, the same ones at the desk; a failure names its own.
SEED = int(os.environ.get("HARNESS_SEED", "0"))
BATCH, EPOCHS = 5, 5
HARNESS = [sys.executable, "-c", "from harness.cli import main; main()"]


@dataclass(frozen=True)
class Job:
    """Something that takes a while, and what it leaves.

    Attributes:
        command: its arguments, in a project.
        steps: how many of its steps are on disk.
        most: how many there are in the end.
        result: what it has come to.
    """

    command: list[str]
    steps: Callable[[Project], int]
    most: int
    result: Callable[[Project], list[bytes]]


def answers(project: Project) -> int:
    return len(project.shards)


def pixels(project: Project) -> int:
    return len(list(project.root.glob("store/pixels/??/*/*.parquet")))


def epochs(project: Project) -> int:
    return sum(
        len(path.read_text(encoding="utf-8").splitlines()) - 1 for path in project.root.glob("out/*.csv")
    )


def table(project: Project) -> list[bytes]:
    return [(project.root / "answers.csv").read_bytes()]


def metrics(project: Project) -> list[bytes]:
    return [(project.latest / name).read_bytes() for name in ("metrics.csv", "claims.json")]


def checkpoint(project: Project) -> list[bytes]:
    (weights,) = project.root.glob("out/*.safetensors")
    assert {path.suffix for path in weights.parent.iterdir()} == {".safetensors", ".json", ".csv"}
    return [weights.read_bytes()]


PREDICT = [*HARNESS, "predict", "slow", "--dataset", "shapes:test", "--out", "answers.csv", "--device", "cpu"]
TRAIN = ["test_resnet", "--dataset", "shapes", "--train", "test", "--select", "val", "--report", "val"]
SMALL = [
    "--input-size",
    "16",
    "--batch-size",
    "32",
    "--epochs",
    str(EPOCHS),
    "--device",
    "cpu",
    "--out",
    "out",
]
JOBS = {
    "run": Job([sys.executable, "-m", "pytest", "evals", "--snapshot-update"], answers, 30, metrics),
    "predict": Job(PREDICT, answers, 30, table),
    "restore": Job([*PREDICT, "--restoration", "nearest"], pixels, 30, table),
    "train": Job([*HARNESS, "train", *TRAIN, *SMALL], epochs, EPOCHS, checkpoint),
}


@pytest.fixture(scope="module")
def start(tmp_path_factory, shapes_data) -> Callable[[], Project]:
    def start() -> Project:
        models = (
            logging_model("slow", seconds=0.02),
            logging_model("other", capability="generative", seconds=0.02),
        )
        return Project.make(tmp_path_factory.mktemp("project"), shapes_data, *models)

    return start


@pytest.fixture(scope="module")
def uninterrupted(start) -> Callable[[str], list[bytes]]:
    known: dict[str, list[bytes]] = {}

    def uninterrupted(name: str) -> list[bytes]:
        if name not in known:
            project = start()
            finish(JOBS[name], project)
            known[name] = JOBS[name].result(project)
        return known[name]

    return uninterrupted


def begin(job: Job, project: Project) -> subprocess.Popen[str]:
    options = project._command([], {"OMP_NUM_THREADS": "1"})
    sized = [] if "train" in job.command else ["--batch-size", str(BATCH)]
    with (project.root / "said.txt").open("a", encoding="utf-8") as said:
        return subprocess.Popen(
            **{**options, "args": [*job.command, *sized]},
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finish(job: Job, project: Project) -> None:
    said = project.root / "said.txt"
    assert begin(job, project).wait(120) == 0, Path(said).read_text(encoding="utf-8")


@pytest.mark.parametrize("number", range(KILLS))
def test_what_was_killed_comes_to_the_same_when_it_is_started_again(start, uninterrupted, number):
    name, chance = list(JOBS)[number % len(JOBS)], random.Random(SEED + number)
    job, project, killed = JOBS[name], start(), 0
    for _ in range(1 if KILLS < 4 else chance.choice((1, 1, 2))):
        process, wanted = begin(job, project), chance.randrange(1, job.most)
        while process.poll() is None and job.steps(project) < wanted:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.03)  # in the midst of a step, or of writing it down
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    finish(job, project)
    assert killed
    assert job.result(project) == uninterrupted(name)
