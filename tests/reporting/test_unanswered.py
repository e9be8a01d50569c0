"""What stands under a metric table about answers that are none."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from harness.labels import LabelSpace
from harness.predictions import Cell, Predictions
from harness.reporting import write_report
from harness.reporting.unanswered import unanswered
from harness.runs import record_predictions
from harness.tasks import Choice


def predictions(*rows: tuple[str, str | None], remarks: list[str | None] | None = None) -> Predictions:
    table = pd.DataFrame(
        {
            "sample_id": [str(i) for i in range(len(rows))],
            "group": [str(i) for i in range(len(rows))],
            "gold": "sad",
            "outcome": [outcome for outcome, _ in rows],
            "label": ["sad" if outcome == "parsed" else None for outcome, _ in rows],
            "raw_text": None,
            "reason": [reason for _, reason in rows],
            "latency_s": 0.0,
            "pixel_digest": "",
        }
    )
    if remarks is not None:
        table["remark"] = remarks
    space = LabelSpace("faces", ("happy", "sad"), ("happy", "sad"))
    return Predictions(Cell("m", "faces", "test"), Choice(space), table)


def test_answers_need_no_word():
    assert unanswered(predictions(*[("parsed", None)] * 3)) == []


def test_each_kind_has_a_line_with_its_most_frequent_reasons():
    few = [("failed", f"error {i}") for i in range(3)]
    rows = (
        [("refusal", None)] * 2 + [("failed", "no reply.")] * 4 + few + [("unparsable", "cut off; raise it")]
    )
    assert unanswered(predictions(*rows, *[("parsed", None)] * 1_000)) == [
        "2 of 1,010 refused.",
        "1 of 1,010 unparsable: cut off; raise it.",
        "7 of 1,010 failed: 4 no reply; 1 error 0; 1 error 1; 1 for other reasons.",
    ]


def test_no_kind_is_forgotten():
    rows = [("out_of_vocabulary", None), ("refusal", None), ("unparsable", None), ("failed", None)]
    assert [line.split(" of 4 ")[1] for line in unanswered(predictions(*rows))] == [
        "out of vocabulary.",
        "refused.",
        "unparsable.",
        "failed.",
    ]


def test_remarks_about_answers_follow():
    given = predictions(("parsed", None), ("failed", "x"), remarks=["odd", "odd too"])
    assert unanswered(given) == ["1 of 2 failed: x.", "1 of 2 answered with a remark: odd."]


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_a_missing_reason_is_none(missing):
    assert unanswered(predictions(("failed", missing), ("failed", "x"))) == ["2 of 2 failed: 1 x."]


def test_a_reason_is_one_plain_line():
    (line,) = unanswered(predictions(("failed", "a\n\u202eb" + "c" * 500)))
    assert "\n" not in line
    assert "\u202e" not in line
    assert len(line) < 230


def test_the_report_has_it_under_its_table(tmp_path):
    given = predictions(("failed", "a | b"), ("parsed", None))
    whole = replace(predictions(("parsed", None)), cell=Cell("n", "faces", "test"))
    entries = [record_predictions(tmp_path, cell, "generative") for cell in (given, whole)]
    (tmp_path / "run.json").write_text(json.dumps({"cells": entries}))
    page = write_report(tmp_path).read_text()
    metrics = (tmp_path / "report.md").read_text().split("## Metrics")[1].split("##")[0]
    assert metrics.rstrip().endswith(": 1 of 2 failed: a \\| b.")
    assert metrics.count("\n- ") == 1
    assert "1 of 2 failed: a | b." in page
