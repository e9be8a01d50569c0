"""A predictions CSV of any outside system: faults are named, what is missing stays in the denominator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.datasets import Dataset, Sample
from harness.errors import DataError, Unavailable
from harness.labels import LabelSpace
from harness.models import Context, TableModel
from harness.models.predictions_csv import PredictionsCsv
from harness.predictions import Cell, Predictions
from harness.predictions.outside import join_table
from harness.tasks import Choice

SPACE = LabelSpace.of("tiny", ("angry", "happy", "sad"))
GOLD = ("angry", "happy", "sad", "happy")


@pytest.fixture
def dataset() -> Dataset:
    samples = tuple(Sample(f"faces/{i}.png", label) for i, label in enumerate(GOLD))

    def read(sample_id: str) -> np.ndarray:
        return np.full((2, 2), ord(sample_id[6]), np.uint8)

    return Dataset("tiny", "test", Choice(SPACE), samples, read)


@pytest.fixture
def answer(tmp_path: Path, dataset: Dataset):
    """Predictions from the text of a CSV file."""

    def answer(text: str) -> Predictions:
        model = outside(tmp_path, text)
        assert isinstance(model, TableModel)
        return join_table(Cell("outside", "tiny", "test"), dataset, model)

    return answer


def outside(folder: Path, text: str | bytes, **options: str) -> PredictionsCsv:
    path = folder / "outside.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return PredictionsCsv(context=Context(folder, folder), path="outside.csv", **options)


def rows(*labels: str) -> str:
    return "sample_id,label\n" + "".join(f"faces/{i}.png,{label}\n" for i, label in enumerate(labels))


def test_rows_are_matched_by_id_in_any_order_and_extra_rows_are_left_out(answer):
    given = {"other": "sad", "faces/3": "happy", "faces/1": "sad", "faces/0": "angry", "faces/2": "sad"}
    predictions = answer("sample_id,label\n" + "".join(f"{i}.png,{label}\n" for i, label in given.items()))
    assert list(predictions.table["sample_id"]) == [f"faces/{i}.png" for i in range(4)]
    assert list(predictions.answers) == [0, 2, 2, 1]
    assert set(predictions.table["outcome"]) == {"parsed"}


def test_a_sample_without_a_row_fails_and_stays_in_the_denominator(answer):
    predictions = answer(rows("angry", "happy"))
    assert len(predictions) == 4
    assert list(predictions.answers) == [0, 1, -1, -1]
    assert list(predictions.table["outcome"]) == ["parsed", "parsed", "failed", "failed"]
    assert list(predictions.table["reason"][2:]) == ["no row in outside.csv"] * 2


def test_a_row_without_a_label_is_unparsable(answer):
    predictions = answer(rows("angry", "", "sad", "happy"))
    assert list(predictions.table["outcome"]) == ["parsed", "unparsable", "parsed", "parsed"]
    assert list(predictions.answers) == [0, -1, 2, 1]


def test_a_label_of_another_vocabulary_is_kept_and_counted_as_wrong(answer):
    predictions = answer(rows("angry", "happy", "nan", "NA"))
    assert list(predictions.table["outcome"]) == ["parsed"] * 2 + ["out_of_vocabulary"] * 2
    assert list(predictions.table["label"]) == ["angry", "happy", "nan", "NA"]
    assert list(predictions.table["raw_text"]) == ["angry", "happy", "nan", "NA"]
    assert list(predictions.answers) == [0, 1, -1, -1]
    said = "outside.csv: 2 of 4 labels are none of tiny:test and count as wrong: 'nan' (1), 'NA' (1)"
    assert predictions.problems == (said,)


def test_labels_may_be_written_in_any_case_or_by_a_synonym(answer):
    predictions = answer(rows("Anger", "JOY", "sadness", " happy "))
    assert list(predictions.answers) == [0, 1, 2, 1]
    assert list(predictions.table["raw_text"]) == ["Anger", "JOY", "sadness", " happy "]


def test_scores_are_put_into_the_order_of_the_space(answer):
    header = "sample_id,score_sad,label,score_angry,score_happy\n"
    predictions = answer(header + "".join(f"faces/{i}.png,0.1,happy,0.2,0.7\n" for i in range(3)))
    assert predictions.probabilities is not None
    np.testing.assert_allclose(predictions.probabilities[:3], [[0.2, 0.7, 0.1]] * 3, atol=1e-7)
    assert np.isnan(predictions.probabilities[3]).all()


def test_scores_survive_labels_written_by_a_synonym(answer):
    """The columns say happy, the rows Happiness: both mean one label, and its scores are there."""
    header = "sample_id,label,score_angry,score_happy,score_sad\n"
    predictions = answer(header + "".join(f"faces/{i}.png,Happiness,0.2,0.7,0.1\n" for i in range(4)))
    assert list(predictions.answers) == [1] * 4
    assert predictions.probabilities is not None
    np.testing.assert_allclose(predictions.probabilities, [[0.2, 0.7, 0.1]] * 4, atol=1e-7)


def test_two_scores_for_one_label_are_refused(answer):
    header = "sample_id,label,score_angry,score_happy,score_joy,score_sad\n"
    with pytest.raises(DataError, match="scores happy twice, as score_happy and as score_joy"):
        answer(header + "faces/0.png,happy,0.2,0.3,0.4,0.1\n")


@pytest.mark.parametrize("columns", ["score_angry,score_happy", "score_angry,score_happy,score_bored"])
def test_scores_of_only_some_labels_are_no_probabilities(answer, columns):
    values = ",".join("0.5" for _ in columns.split(","))
    predictions = answer(f"sample_id,label,{columns}\nfaces/0.png,happy,{values}\n")
    assert predictions.probabilities is None
    assert list(predictions.answers) == [1, -1, -1, -1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample_id,answer\n0,happy\n", "has no column label"),
        ("id,answer\n0,happy\n", "has no column label and sample_id"),
        ("", "is not a readable CSV file"),
        (b"sample_id,label\n\xff\xfe,happy\n", "is not a readable CSV file"),
        ('sample_id,label\n"faces/0.png,happy\n', "is not a readable CSV file"),
        ("sample_id,label\na,happy\na,sad\nb,sad\nb,sad\nb,sad\n", r"answers a twice \(3 rows too many\)"),
        ("sample_id,label,score_happy\na,happy,high\n", "Column score_happy .* not a number"),
        ("sample_id,label,score_happy\na,happy,0.5\nb,happy,n/a\n", "Column score_happy .* not a number"),
    ],
)
def test_a_malformed_file_is_refused_with_its_name(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        outside(tmp_path, text)
    assert "outside.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_about_other_samples_is_refused(answer):
    with pytest.raises(
        DataError, match=r"No sample_id of .* is in tiny:test, whose ids look like faces/0\.png"
    ):
        answer("sample_id,label\n0,happy\n1,sad\n")


def test_ids_that_look_like_numbers_keep_their_zeros(tmp_path):
    samples = (Sample("007", "happy"), Sample("7", "sad"))
    dataset = Dataset("tiny", "test", Choice(SPACE), samples, lambda sample_id: np.zeros((1, 1), np.uint8))
    model = outside(tmp_path, "sample_id,label\n7,sad\n007,happy\n")
    assert list(model.answers(dataset)["label"]) == ["happy", "sad"]


def test_an_absent_file_and_an_unknown_kind_are_named(tmp_path):
    with pytest.raises(Unavailable, match=r"outside\.csv is not in"):
        PredictionsCsv(context=Context(tmp_path, tmp_path), path="outside.csv")


def test_a_table_written_by_pandas_with_a_byte_order_mark_reads(tmp_path, dataset):
    table = pd.DataFrame({"sample_id": [s.id for s in dataset.samples], "label": GOLD})
    table.to_csv(tmp_path / "outside.csv", index=False, encoding="utf-8-sig")
    model = PredictionsCsv(context=Context(tmp_path, tmp_path), path="outside.csv")
    assert list(model.answers(dataset)["label"]) == list(GOLD)
    assert model.capability == "published"
