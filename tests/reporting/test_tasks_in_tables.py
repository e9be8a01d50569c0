"""Votes and dimensions are measured by credit, and what needs labels is left out by name."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.labels import LabelSpace
from harness.metrics.metric import Metric, OfSamples, Tolerance
from harness.metrics.registry import left_out, registered
from harness.predictions import Cell, Predictions
from harness.pytest_plugin.snapshots import moved_metrics
from harness.reporting import write_report
from harness.reporting.metric_table import Measures, figures, metric_table
from harness.store.results import Results
from harness.tasks import Choice, Dimensions, Votes

SPACE = LabelSpace.of("three", ("angry", "happy", "sad"))
N = 400


def base(**columns) -> pd.DataFrame:
    ids = [str(i) for i in range(N)]
    about = {"sample_id": ids, "group": ids, "outcome": "parsed", "latency_s": 0.0, "pixel_digest": ""}
    return pd.DataFrame({**about, "raw_text": None, "reason": None, **columns})


def voted() -> Predictions:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(3), N)
    names = np.array(SPACE.labels, object)
    columns = {f"votes_{label}": shares[:, k] for k, label in enumerate(SPACE.labels)}
    table = base(gold=names[shares.argmax(axis=1)], label=names[rng.integers(0, 3, N)], **columns)
    return Predictions(Cell("m", "ferplus", "test"), Votes(SPACE), table)


def felt() -> Predictions:
    rng = np.random.default_rng(0)
    targets = rng.uniform(-1, 1, (N, 2))
    answers = np.clip(0.6 * targets + rng.normal(0, 0.2, (N, 2)), -1, 1)
    columns = dict(zip(("target_valence", "target_arousal"), targets.T, strict=True))
    table = base(gold="", label=None, valence=answers[:, 0], arousal=answers[:, 1], **columns)
    table.loc[0, "outcome"] = "refusal"
    return Predictions(Cell("m", "emotion6", "test"), Dimensions(), table)


def chosen() -> Predictions:
    table = base(gold="sad", label=np.array(SPACE.labels, object)[np.arange(N) % 3])
    return Predictions(Cell("m", "faces", "test"), Choice(SPACE), table)


def test_accuracy_of_votes_is_the_mean_credit():
    found = figures(metric_table(voted(), replicates=2_000))
    credit = voted().credit
    spread = stats.norm.ppf(0.975) * credit.std() / np.sqrt(N)
    figure = found["accuracy", None]
    assert figure.value == pytest.approx(credit.mean())
    assert (figure.low, figure.high) == pytest.approx(
        (credit.mean() - spread, credit.mean() + spread), abs=0.004
    )
    assert found.keys() == {("accuracy", None), ("coverage", None)}


def test_dimensions_have_lins_concordance_for_each_axis():
    predictions = felt()
    found = figures(metric_table(predictions, replicates=500))
    assert found.keys() == {
        *(("accuracy", None), ("coverage", None)),
        *(("concordance", "valence"), ("concordance", "arousal")),
    }
    assert found["coverage", None].value == 1 - 1 / N
    for axis in ("valence", "arousal"):
        x, y = predictions.table[axis][1:], predictions.table[f"target_{axis}"][1:]
        apart = x.var(ddof=0) + y.var(ddof=0) + (x.mean() - y.mean()) ** 2
        expected = 2 * np.cov(x, y, ddof=0)[0, 1] / apart
        figure = found["concordance", axis]
        assert figure.value == pytest.approx(expected)
        assert figure.low < expected < figure.high


def test_what_is_left_out_is_said():
    line = left_out(registered(), "votes")
    assert line.startswith("Left out, as they need another task than votes: accuracy_of_answered, balanced_")
    assert left_out(registered(), "choice") == ""


def test_a_report_holds_cells_of_all_tasks(tmp_path):
    every = {str(one.cell): one for one in (chosen(), voted(), felt())}
    (tmp_path / "run.json").write_text(json.dumps({"run": "all", "cells": [{"id": cell} for cell in every]}))
    for number, predictions in enumerate(every.values()):
        predictions.write(tmp_path / f"cells/{number}.parquet")
    page = write_report(tmp_path).read_text()
    table = pd.read_csv(tmp_path / "metrics.csv")
    assert set(table["cell"]) == set(every)
    assert "Left out, as they need another task than dimensions" in page
    assert "concordance" in set(table["metric"])


def test_metrics_of_others_are_computed_each_time_with_their_heading_and_tolerance(tmp_path):
    calls = []

    def angry(judged):
        calls.append(judged)
        return (judged.answers == 0).astype(float)

    wide = Tolerance(value=0.2, ends=0.2)
    metric = Metric(name="angry", heading="says angry", measure=OfSamples(angry), tolerance=wide)
    measure = Measures(Results(tmp_path), (metric,))
    for asked in (1, 2):
        figure = figures(measure(chosen(), replicates=100))["angry", None]
        assert (figure.value, figure.method, len(calls)) == (pytest.approx(1 / 3, abs=0.01), "Wilson", asked)
    assert measure.headings["angry"] == "says angry"
    row = "| metric | value | low | high | n |\n| angry | {} | 0.1 | 0.9 | 400 |"
    tables = row.format("0.50"), row.format("0.60")
    assert len(list(moved_metrics(*tables))) == 1
    assert list(moved_metrics(*tables, measure.tolerances)) == []
