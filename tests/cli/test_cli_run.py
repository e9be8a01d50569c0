"""`harness plan` and `harness run`: what `pytest evals` does, without pytest, and what it would take."""

from __future__ import annotations

import json
from pathlib import Path

from tiny_suite import NO_CLIP, SUITE, Reader


def missing(jobs) -> dict[str, int]:
    return {job["worker"]: job["missing"] for job in jobs}


def test_a_plan_says_what_the_store_lacks_and_loads_nothing(harness, suite):
    suite.write_text(SUITE + NO_CLIP)
    planned = harness("plan", "--json").json
    assert missing(planned["jobs"]) == {"good": 90, "middling": 90}
    assert "absent.safetensors is not in" in planned["absent"]["tiny:test/none/plain/clip"]
    assert Reader.loads == {}
    assert missing(harness("plan", "--model", "good", "--limit", "9", "--json").json["jobs"]) == {"good": 9}


def test_a_plan_that_is_done_is_empty(harness, suite):
    harness("predict", "good", "--dataset", "tiny:test")
    assert missing(harness("plan", "--json").json["jobs"]) == {"middling": 90}
    harness("run", "--json")
    assert harness("plan").out == "Nothing is missing: a run would load no model.\n"


def test_a_run_gives_the_verdicts_and_the_report_that_pytest_gives(harness, suite, tmp_path):
    shown = harness("run", "--json")
    assert shown.status == 0
    assert [claim["verdict"] for claim in shown.json["claims"]] == ["supported", "supported"]
    assert {claim["family_size"] for claim in shown.json["claims"]} == {2}
    run = Path(shown.json["report"]).parent
    assert run.resolve() == (tmp_path / "reports/latest").resolve()
    record = json.loads((run / "run.json").read_text())
    assert record["command"] == "harness run --json"
    assert record["model_loads"] == {"good": 1, "middling": 1}
    assert {cell["id"] for cell in record["cells"]} == {
        f"tiny:test/none/{model}" for model in ("good", "middling", "outside")
    }
    assert {"metrics.csv", "report.md", "report.html", "claims.json"} <= {path.name for path in run.iterdir()}


def test_a_verdict_that_turned_ends_with_status_1_and_an_absent_model_with_0(harness, suite):
    assert harness("run").status == 0
    suite.write_text(SUITE + NO_CLIP)
    absent = harness("run", "--json")
    assert absent.status == 0
    suite.write_text(SUITE + 'expected = "refuted"\n')
    turned = harness("run")
    assert turned.status == 1
    assert "2 not as expected" in turned.out
    assert harness("run", "--limit", "60").status == 0  # expectations are of the full set


def test_a_model_that_fails_ends_with_status_1_and_the_others_go_on(harness, suite):
    suite.write_text(SUITE + "[models.torn]\nadapter = 'reader'\nevery = 7\nfails = true\n")
    run = harness("run", "--json")
    assert run.status == 1
    assert any("reader.safetensors is corrupt" in problem for problem in json.loads(run.out)["problems"])
    assert len(json.loads(run.out)["claims"]) == 2


def test_a_filter_that_fits_nothing_is_one_line(harness, suite):
    for verb in ("plan", "run"):
        assert "--model gud fits no model" in harness(verb, "--model", "gud").error
