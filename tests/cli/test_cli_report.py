"""`harness report`: the reports of a run, written again."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from command import NO_TORCH, process

from harness.suite import Suite


@pytest.fixture
def run(harness, suite, tmp_path) -> Path:
    """A run folder as the evals leave it."""
    from harness.judging import Evaluation
    from harness.runs import Recorder, claim_entry, record_predictions
    from harness.settings import Settings
    from harness.suite import Expectation, Filters

    read = Suite.read(suite)
    settings = Settings(data_root=tmp_path / "data", store=tmp_path / "store", replicates=200)
    cells = read.claim_cells("cnn_beats_vlm", read.profile("default"), Filters())
    evaluation = Evaluation(read, settings, "default", [], cells)
    recorder = Recorder(tmp_path / "reports" / "one", {"command": "pytest evals", "alpha": 0.05, "seed": 0})
    for cell in cells:
        test = f"test_claims[cnn_beats_vlm/{cell}]"
        entry = claim_entry(evaluation.verdict(cell), Expectation(), "A hypothesis.", test)
        answers = evaluation.evidence.predictions
        kept = [record_predictions(recorder.run, answers(c), "classifier") for c in cell.cells]
        recorder.add({"claim": entry, "cells": kept, "skipped": [("clip", "not here")]})
    recorder.write(read)
    return recorder.run


def test_writes_the_reports_again(harness, run):
    shown = harness("report", "reports/latest", "--json").json
    assert Path(shown["report"]).name in ("report.html", "report.md")
    assert [claim["verdict"] for claim in shown["claims"]] == ["supported", "supported"]
    assert "clip" in (run / "report.md").read_text()
    assert {"tiny:test/none/good"} <= set(pd.read_csv(run / "metrics.csv")["cell"])


def test_the_newest_run_is_found_from_a_folder_below(harness, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "evals")
    shown = harness("report", "--json").json
    assert Path(shown["report"]).resolve().parent == run


def test_as_a_process_it_prints_the_path(run, tmp_path):
    done = process(tmp_path, "report", run, then=NO_TORCH)
    assert Path(done.out.strip()).is_file()


@pytest.mark.parametrize("argument", [[], ["evals"], ["none"]])
def test_a_folder_that_is_no_run_is_one_line(harness, suite, argument):
    assert "is not the folder of a run" in harness("report", *argument).error
