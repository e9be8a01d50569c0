"""What a run says of wrong entries, of folders that it cannot write and of baselines that are none."""

import json
import re

import pytest
from project import entry

BLOCKED = """
def pytest_claim_verdict(item):
    from harness.pytest_plugin.state import run_of
    (run_of(item.config) / "run.json").mkdir(exist_ok=True)
"""


def no_traceback(outcome):
    said = outcome.stdout + outcome.stderr
    assert "INTERNALERROR" not in said, outcome
    assert "Traceback" not in said, outcome


@pytest.fixture
def judged(make_project):
    """A project whose one claim is supported."""
    project = make_project()
    project.write_suite(
        project.table("cnn", project.answers(), family="cnn"),
        project.table("vlm", project.answers(*range(90))),
    )
    return project


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"adapter": "timm", "checkpoint": "x", "labels": {"angry": 0}},
            "labels = {'angry': 0}. Write a",
        ),
        ({"adapter": "openai", "model": "x", "price": 1}, "price = 1. Write a list of numbers"),
    ],
)
def test_a_wrong_entry_is_one_line_before_anything_is_collected(make_project, options, said, workers):
    project = make_project()
    text = re.sub(r'\{"(\w+)": (\d+)\}', r"{\1 = \2}", entry("m", **options))
    project.write_suite(text)
    outcome = project.pytest("evals", *workers)
    assert outcome.status == 4, outcome
    no_traceback(outcome)
    (line,) = [line for line in outcome.stderr.splitlines() if line.startswith("ERROR")]
    place = re.escape(f"[models.m] of {project.root}/evals/suite.toml, line ")
    assert re.search(rf"{place}\d+, has {re.escape(said)}", line), line


def test_a_folder_of_reports_that_cannot_be_written_costs_no_verdict(judged):
    (judged.root / "reports").write_text("a file", encoding="utf-8")
    outcome = judged.pytest("evals", "--snapshot-update")
    no_traceback(outcome)
    assert outcome.status == 1, outcome
    assert "1 claim judged: 1 supported" in outcome.stdout, outcome
    (line,) = [line for line in outcome.stdout.splitlines() if line.startswith("The folder ")]
    assert f"The folder {judged.root}/reports cannot be written (" in line
    assert "name another --reports" in line
    assert (judged.root / "reports").read_text(encoding="utf-8") == "a file"


def test_a_record_that_cannot_be_written_costs_no_verdict(make_project):
    project = make_project(conftest=BLOCKED)
    project.write_suite(
        project.table("cnn", project.answers(), family="cnn"),
        project.table("vlm", project.answers(*range(90))),
    )
    outcome = project.pytest("evals", "--snapshot-update")
    no_traceback(outcome)
    assert outcome.status == 3, outcome
    assert "1 claim judged: 1 supported" in outcome.stdout, outcome
    (line,) = [line for line in outcome.stdout.splitlines() if line.startswith("The run folder ")]
    assert "cannot be written (" in line
    assert "the answers are in the store" in line


def test_a_baseline_that_is_none_ends_the_run_with_the_nearest_name(judged):
    assert judged.pytest("evals", "--snapshot-update").status == 0
    name = json.loads((judged.latest / "run.json").read_text(encoding="utf-8"))["run"]
    assert judged.pytest("evals", "--baseline", name).status == 0
    wrong = judged.pytest("evals", "--baseline", name[:-1] + "x")
    assert wrong.status == 4, wrong
    no_traceback(wrong)
    assert "Expected --baseline to be the folder of a run" in wrong.stderr
    assert name in wrong.stderr.partition("Nearest: ")[2]
    (judged.root / "empty").mkdir()
    assert judged.pytest("evals", "--baseline", "empty").status == 4
