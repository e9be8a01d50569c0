"""Verdicts become outcomes of tests, a table in the terminal and a run folder."""

import csv

import pytest

CLAIM = "test_claims[cnn_beats_vlm/shapes:test/none/cnn-vs-{}]"
RECORD = """
def pytest_claim_verdict(item, verdict, expected):
    with open(item.config.rootpath / "verdicts.log", "a") as log:
        log.write(f"{item.name} {verdict.outcome} {expected.outcome}\\n")
"""
OVERRIDES = """
[[claims.cnn_beats_vlm.override]]
cell = "*-vs-better"
expected = "refuted"
reason = "It is told the answers."
[[claims.cnn_beats_vlm.override]]
cell = "*-vs-like"
expected = "inconclusive"
reason = "It differs by three answers."
[[claims.cnn_beats_vlm.override]]
cell = "*-vs-worse"
expected = "refuted"
reason = "It is not."
"""
RUN_KEYS = {
    *("run", "command", "started", "finished", "seconds", "profile", "seed", "alpha", "limit", "device"),
    *("dtype", "environment", "model_loads", "skipped", "problems", "cells", "published"),
}
CLAIM_KEYS = {
    *("claim", "hypothesis", "cell", "test", "verdict", "expected", "expected_reason", "as_expected"),
    *("effect", "secondary", "p_value", "p_adjusted", "family_size", "alpha", "n", "n_needed"),
    *("detectable_effect", "paired", "method", "reason", "notes"),
}
CELL_KEYS = {"id", "model", "dataset", "split", "restoration", "prompt", "kind", "n", "file", "sha256"}


@pytest.fixture
def project(make_project):
    """A CNN that gets 120 of 150 right, against VLMs that get 75, 150 and 117 right."""
    project = make_project(conftest=RECORD)
    project.write_suite(*tables(project))
    return project


def tables(project):
    return (
        project.table("cnn", project.answers(*range(30)), family="cnn"),
        project.table("worse", project.answers(*range(30, 105))),
        project.table("better", project.answers()),
        project.table("like", project.answers(*range(30, 63))),
    )


def assert_complete(outcome):
    """The run folder holds all that was promised, and the terminal says what it holds."""
    run, folder = outcome.run, outcome.project.latest
    assert folder.resolve().name == run["run"]
    assert run.keys() >= RUN_KEYS
    assert all(claim.keys() >= CLAIM_KEYS for claim in outcome.claims)
    assert run["command"].startswith("pytest evals")
    assert run["environment"]["packages"]["numpy"]
    cells = [f"shapes:test/none/{model}" for model in ("better", "cnn", "like", "worse")]
    assert [cell["id"] for cell in run["cells"]] == cells
    assert all(cell.keys() == CELL_KEYS and (folder / cell["file"]).is_file() for cell in run["cells"])
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    accuracy = {row["model"]: float(row["value"]) for row in rows if row["metric"] == "accuracy"}
    assert accuracy == pytest.approx({"cnn": 0.8, "worse": 0.5, "better": 1.0, "like": 0.78})
    for report in ("report.md", "report.html"):
        text = (folder / report).read_text(encoding="utf-8")
        assert all(model in text for model in ("cnn", "worse", "better", "like"))

    summary = outcome.stdout.partition("= verdicts =")[2]
    for claim in outcome.claims:
        assert claim["verdict"] in summary
        assert claim["cell"] in summary
    assert "3 claims judged: 1 supported, 1 refuted, 1 inconclusive. " in summary
    assert f"report: {folder.resolve() / 'report.html'}" in summary


def test_supported_passes_refuted_fails_and_inconclusive_xfails_with_the_samples_it_needs(project):
    outcome = project.pytest("evals", "-rA", "--snapshot-update")
    assert outcome.status == 1, outcome
    assert outcome.verdicts == {
        "cnn-vs-worse": "supported",
        "cnn-vs-better": "refuted",
        "cnn-vs-like": "inconclusive",
    }
    claims = {name: result for name, result in outcome.tests.items() if name.startswith("test_claims")}
    assert claims == {
        CLAIM.format("worse"): "passed",
        CLAIM.format("better"): "failed",
        CLAIM.format("like"): "xfail",
    }
    like = next(claim for claim in outcome.claims if claim["cell"].endswith("like"))
    assert like["n_needed"] > like["n"] == 150
    assert f"n needed: {like['n_needed']:,}." in outcome.stdout
    assert "The CNN gets 20.0 points fewer right on the same 150 samples" in outcome.stdout
    assert_complete(outcome)

    strict = project.pytest("evals", "-k", "like and cnn_beats_vlm", "--strict-claims", "-rA")
    assert (strict.status, strict.tests) == (1, {CLAIM.format("like"): "failed"}), strict


def test_overrides_say_what_to_expect_and_each_verdict_is_announced_also_by_workers(project):
    project.write_suite(*tables(project), OVERRIDES)
    outcome = project.pytest("evals", "-rA", "-n", "1", "--snapshot-update")
    assert outcome.status == 1, outcome
    claims = {name: result for name, result in outcome.tests.items() if name.startswith("test_claims")}
    assert claims == {
        CLAIM.format("worse"): "failed",
        CLAIM.format("better"): "passed",
        CLAIM.format("like"): "passed",
    }
    announced = (project.root / "verdicts.log").read_text(encoding="utf-8").splitlines()
    assert sorted(announced) == [
        f"{CLAIM.format('better')} refuted refuted",
        f"{CLAIM.format('like')} inconclusive inconclusive",
        f"{CLAIM.format('worse')} supported refuted",
    ]
    expectations = {
        claim["cell"]: (claim["as_expected"], claim["expected_reason"]) for claim in outcome.claims
    }
    assert expectations == {
        "shapes:test/none/cnn-vs-better": (True, "It is told the answers."),
        "shapes:test/none/cnn-vs-like": (True, "It differs by three answers."),
        "shapes:test/none/cnn-vs-worse": (False, "It is not."),
    }
    assert_complete(outcome)


def test_a_limited_run_holds_no_expectation_against_a_verdict_unless_it_is_strict(project):
    arguments = ("evals/test_claims.py", "--limit", "60", "-rA")
    limited = project.pytest(*arguments)
    assert limited.status == 0, limited
    assert limited.verdicts["cnn-vs-better"] == "refuted"
    assert limited.tests == {
        CLAIM.format("worse"): "passed",
        CLAIM.format("better"): "xfail",
        CLAIM.format("like"): "xfail",
    }
    assert "refuted; supported is expected of the full set. The CNN gets" in limited.stdout
    assert "Expectations hold for the full set, not for this limited run." in limited.stdout
    assert "not as expected" not in limited.stdout
    assert "unexpected" not in limited.stdout
    assert {claim["limited"] for claim in limited.claims} == {True}
    assert "**expected" not in (project.latest / "report.md").read_text(encoding="utf-8")

    strict = project.pytest(*arguments, "--strict-claims")
    assert strict.status == 1, strict
    assert strict.tests[CLAIM.format("better")] == "failed"
