"""A run that takes long says how far it is, with workers and without; a short one says nothing."""

import re

import pytest
from project import logging_model

OFTEN = "import harness.pytest_plugin.progress as progress\nprogress.SECONDS = 0.2\n"


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_how_many_answers_there_are_is_told_while_a_model_answers(make_project, workers):
    project = make_project(logging_model("slow", seconds=0.3), conftest=OFTEN)
    run = project.pytest("evals", *workers, "--batch-size", "10", "--snapshot-update")
    assert run.status == 0, run
    told = [line for line in run.stdout.splitlines() if line.startswith("slow: ")]
    assert len(told) > 1, run
    steps = [tuple(map(int, re.findall(r"\d+", line))) for line in told]
    assert steps == sorted(set(steps))
    assert all(done <= total == steps[0][1] for done, total in steps)


def test_a_short_run_says_nothing(make_project):
    run = make_project(logging_model("quick")).pytest("evals", "--snapshot-update")
    assert run.status == 0, run
    assert "quick: " not in run.stdout
