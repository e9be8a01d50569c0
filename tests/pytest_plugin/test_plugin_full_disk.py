"""A disk that is full at any moment of a run costs no verdict and no answer, and is told in one line."""

import pytest
from project import logging_model


@pytest.fixture
def project(make_project):
    """One claim is judged from tables, the other needs answers of a model that is asked here."""
    project = make_project()
    project.write_suite(
        project.table("cnn", project.answers(), family="cnn"),
        project.table("vlm", project.answers(*range(90))),
        logging_model("asked", capability="generative"),
    )
    return project


def lines(outcome, *parts):
    """Those lines of the terminal that hold all of this."""
    said = outcome.stdout + outcome.stderr
    assert "INTERNALERROR" not in said, outcome
    assert "Traceback" not in said, outcome
    return [line for line in outcome.stdout.splitlines() if all(part in line for part in parts)]


# With room for nothing, for cells, for the record but not for one more beside it (64), for all but a report.
@pytest.mark.parametrize("kilobytes", [4, 48, 60, 64, 68, 100])
def test_without_room_for_the_report_verdicts_are_printed(project, make_disk, kilobytes):
    make_disk(project.root / "reports", kilobytes)
    outcome = project.pytest("evals", "--snapshot-update")
    assert outcome.status == 3, outcome
    assert lines(outcome, "2 claims judged: 2 supported")
    (line,) = lines(outcome, str(project.latest.parent), "No space left on device", "report")[-1:]
    assert "Free space" in line or "mend the cause and call: harness report" in line


def test_workers_print_them_too(project, make_disk):
    make_disk(project.root / "reports", 4)
    outcome = project.pytest("evals", "--snapshot-update", "-n", "2")
    assert outcome.status == 3, outcome
    assert lines(outcome, "2 claims judged: 2 supported")
    assert len(lines(outcome, "The run folder", "No space left on device", "Free space")) == 1


@pytest.mark.parametrize("kilobytes", [4, 8, 16])
def test_without_room_for_answers_what_needs_none_is_judged(project, make_disk, kilobytes):
    make_disk(project.root / "store", kilobytes)
    outcome = project.pytest("evals", "--snapshot-update")
    assert outcome.status == 1, outcome
    assert lines(outcome, "1 claim judged: 1 supported")
    (line,) = lines(outcome, "problem: ", "The store", "cannot be written (No space left on device)")
    assert "--store" in line
    assert outcome.tests["test_claims[cnn_beats_vlm/shapes:test/none/plain/cnn-vs-asked]"] == "error"
    assert (project.latest / "report.html").is_file()
