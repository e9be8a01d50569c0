"""What is slower than it could be is said in every place that someone looks at, and fails where it must."""

import json
import subprocess
import sys

import pytest
from project import HOME, entry

METRICS = ("evals/test_metrics.py", "--snapshot-update")
BROKEN = """
from harness.models.generative.prefix import Prefix

def broken(*_):
    raise TypeError("forward() got an unexpected keyword argument 'past_key_values'")

Prefix.of = broken
"""


def slow(kind):
    return entry("tired", adapter="awkward_models:SlowModel", weights="w", slow=kind)


def harness(project, *arguments):
    command = project._command([], {})
    command["args"] = [sys.executable, "-c", "from harness.cli import main; main()", *arguments]
    return subprocess.run(**command, capture_output=True, timeout=120)


def test_a_broken_sweep_stops_the_model_cold_and_warm_and_is_told_everywhere(make_project):
    checkpoint = str(HOME / "fixtures/specimens/checkpoints/llava")
    project = make_project(entry("tiny", adapter="transformers", model=checkpoint), conftest=BROKEN)
    for arguments in [("-n", "2"), ()]:
        outcome = project.pytest(*METRICS, "--limit", "6", "-rf", *arguments)
        assert outcome.status == 1, outcome
        (told,) = outcome.run["slow_paths"]
        assert (told["model"], told["path"], told["kind"]) == ("tiny", "sweep of written answers", "error")
        assert "in broken" in (project.latest / told["traceback"]).read_text(encoding="utf-8")
        line = "tiny goes without sweep of written answers (error): TypeError: forward() got an unexpected"
        assert f"slow path: {line}" in outcome.stdout, outcome
        assert "write sweep = false into the model's entry" in outcome.stdout
        assert "## Slow paths" in (project.latest / "report.md").read_text(encoding="utf-8")
        assert 'id="slow-paths"' in (project.latest / "report.html").read_text(encoding="utf-8")
    assert project.shards == []


@pytest.mark.parametrize(
    ("kind", "arguments", "status"),
    [
        ("unfit", ("-n", "2"), 1),
        ("unfit", ("--slow-paths", "report"), 0),
        ("error", (), 1),
        ("chosen", (), 0),
    ],
    ids=["unfit", "reported", "error", "chosen"],
)
def test_with_slow_paths_fail_a_run_whose_tests_pass_fails(make_project, kind, arguments, status):
    project = make_project(slow(kind))
    outcome = project.pytest(*METRICS, *arguments)
    assert "1 passed" in outcome.stdout, outcome
    assert outcome.status == status, outcome
    assert ("The run fails as slow_paths = fail" in outcome.stdout) == bool(status)
    (told,) = outcome.run["slow_paths"]
    assert told["model"] == "tired"
    assert told["times"] == 1
    report = (project.latest / "report.md").read_text(encoding="utf-8")
    assert "tired goes without its" in report
    assert "<fast>" not in report

    findings = json.loads(harness(project, "doctor", "--json").stdout)["findings"]
    (finding,) = [one for one in findings if one["what"] == "slow path tired"]
    assert finding["ok"] == (kind == "chosen")
    assert "it is tired" in finding["state"]


def test_the_command_says_so_on_standard_error_and_in_json(make_project):
    project = make_project(slow("unfit"))
    done = harness(project, "predict", "tired", "--dataset", "shapes:test", "--json")
    assert done.returncode == 0, done
    assert "slow path: tired goes without its <fast> path (unfit): it is tired" in done.stderr
    (told,) = json.loads(done.stdout)["slow_paths"]
    assert "ValueError: too tired" in (project.root / "store" / told["traceback"]).read_text(encoding="utf-8")
