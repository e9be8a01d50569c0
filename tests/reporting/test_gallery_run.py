"""A run of the evals keeps pictures for its report, as many as it is told to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_suite import write_answers, write_suite

from harness.engine import Report
from harness.reporting import write_report
from harness.runs import Recorder
from harness.runs.folder import PICTURES
from harness.runs.pictures import read_pictures
from harness.suite import Suite

Evals = Callable[..., subprocess.CompletedProcess[str]]
ROOT = Path(__file__).parents[2]
SUITE = """
[profiles.default]
datasets = ["tiny:test"]
[datasets.tiny]
adapter = "images"
space = ["angry", "happy", "sad"]
[models.cnn]
adapter = "predictions_csv"
path = "cnn.csv"
[models.outside]
adapter = "predictions_csv"
path = "outside.csv"
family = "vlm"
[claims.cnn_beats_vlm]
"""
EVAL = """
def test_claims(verdict, expected):
    assert verdict.outcome == expected.outcome

def test_predictions(predictions):
    assert len(predictions) == 90
"""


@pytest.fixture
def evals(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`evals(*arguments)` runs two models over 90 images in a pytest of its own, reports in `reports`."""
    write_suite(tmp_path, SUITE)
    write_answers(tmp_path / "cnn.csv", "test", range(90), every=10)
    (tmp_path / "test_evals.py").write_text(EVAL)
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "HARNESS_"))}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        where = ("--suite", "suite.toml", "--data-root", "data", "--store", "store")
        spared = ("-p", "no:hypothesispytest", "-p", "no:anyio")
        return subprocess.run(
            [sys.executable, "-m", "pytest", *spared, *where, *arguments],
            cwd=tmp_path, env={**mine, "PYTHONPATH": str(ROOT)}, text=True, capture_output=True, timeout=300,
        )  # fmt: skip

    return run


def test_all_workers_together_keep_one_set_of_pictures(evals: Evals, tmp_path: Path) -> None:
    done = evals("-n", "2", "--dist", "loadgroup", "--gallery", "7")
    assert done.returncode == 0, done.stdout
    latest = tmp_path / "reports/latest"
    kept = read_pictures(latest)
    assert list(kept) == [("tiny:test", "none")]
    assert len(kept["tiny:test", "none"]) == 7
    assert {sample.split("/")[1] for sample in kept["tiny:test", "none"]} == {"angry", "happy", "sad"}
    record = json.loads((latest / "run.json").read_text("utf-8"))
    assert (record["gallery"], record["problems"], record["restoration_costs"]) == (7, [], [])
    first = (latest / "report.html").read_text("utf-8")
    assert "7 samples with every model's answer" in first
    latest.resolve().rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/report.html").unlink()
    assert write_report(tmp_path / "elsewhere").read_text("utf-8") == first


def test_none_are_kept_where_pictures_may_not_be_copied(evals: Evals, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\ngallery = 0\n")
    done = evals()
    assert done.returncode == 0, done.stdout
    latest = tmp_path / "reports/latest"
    assert not (latest / PICTURES).exists()
    assert "data:image" not in (latest / "report.html").read_text("utf-8")
    done = evals("--gallery", "-3")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "Expected --gallery to be a number of pictures, 0 or more." in done.stderr


def test_costs_of_restoration_are_shown(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run", {})
    costs = [
        {"restoration": name, "seconds_per_image": seconds, "images": 40, "peak_memory_mb": peak}
        for name, seconds, peak in (("gfpgan", 1.25, 1200.0), ("bicubic", 0.0012, None))
    ]
    recorder.add_report(Report(restoration_costs=costs))
    (tmp_path / "suite.toml").write_text(SUITE)
    recorder.write(Suite.read(tmp_path / "suite.toml"))
    record = json.loads((tmp_path / "run/run.json").read_text("utf-8"))
    assert record["restoration_costs"] == [
        {"restoration": "bicubic", "seconds_per_image": 0.0012, "images": 40, "peak_memory_mb": None},
        {"restoration": "gfpgan", "seconds_per_image": 1.25, "images": 40, "peak_memory_mb": 1200.0},
    ]
    page = write_report(tmp_path / "run").read_text("utf-8")
    table = page.partition("What restoration costs")[2].partition("</table>")[0]
    assert [part in table for part in ("gfpgan", "1.2 s", "1,200 MB", "bicubic", "1.2 ms")] == [True] * 5
