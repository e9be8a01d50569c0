"""Predictions give every sample its answer, in the order of the space, and come back from files unchanged."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from counting import LABELS, make_dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DataError
from harness.labels import label_space
from harness.predictions import OUTCOMES, Cell, Predictions, join
from harness.tasks import Choice

CELL = Cell("counting", "tiny", "test")


def answers(labels, outcomes=None, scores=None, names=LABELS) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "outcome": outcomes or ["parsed"] * len(labels),
            "label": pd.Series(list(labels), dtype=object),
            "raw_text": None,
            "reason": None,
            "latency_s": 0.5,
            "pixel_digest": "",
        }
    )
    for column, name in enumerate(names if scores is not None else ()):
        table[f"score_{name}"] = np.asarray(scores, np.float32)[:, column]
    return table


def test_gold_groups_and_ids_are_those_of_the_dataset():
    dataset = make_dataset(6, copies=1)
    predictions = join(CELL, dataset, answers(["happy"] * 6), LABELS)
    assert list(predictions.table["sample_id"]) == ["000", "001", "002", "003", "004", "005"]
    assert np.array_equal(predictions.gold, dataset.gold)
    assert len(predictions) == 6
    assert predictions.groups == dataset.groups
    assert predictions.groups[5] == predictions.groups[0]  # an exact copy depends on its original
    assert len(set(predictions.groups)) == 5


def test_only_parsed_answers_count():
    outcomes = list(OUTCOMES)
    given_labels = ["happy", "happy", None, None, None]
    predictions = join(CELL, make_dataset(5), answers(given_labels, outcomes), LABELS)
    assert list(predictions.answers) == [1, -1, -1, -1, -1]
    assert list(predictions.table["outcome"]) == outcomes


def test_a_label_the_space_does_not_know_is_out_of_vocabulary():
    predictions = join(CELL, make_dataset(3), answers(["happy", "contempt", "sad"]), (*LABELS, "contempt"))
    assert list(predictions.table["outcome"]) == ["parsed", "out_of_vocabulary", "parsed"]
    assert list(predictions.table["label"]) == ["happy", "contempt", "sad"]
    assert list(predictions.answers) == [1, -1, 2]


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(3)), st.lists(st.integers(0, 2), min_size=5, max_size=5))
def test_the_order_of_the_models_own_labels_changes_nothing(order, best):
    names = [LABELS[i] for i in order]
    scores = np.full((5, 3), 0.1)
    scores[range(5), best] = 0.8
    table = answers([LABELS[i] for i in best], scores=scores[:, order], names=names)
    predictions = join(CELL, make_dataset(5), table, names)
    assert list(predictions.answers) == best
    np.testing.assert_allclose(predictions.probabilities, scores, atol=1e-7)


def test_labels_and_scores_cross_spaces_by_meaning():
    """A network with the alphabetical order of label folders answers the dataset in its own order."""
    dataset = make_dataset(2)
    names = ("Anger", "Happiness", "Neutral", "Sadness")
    table = answers(["Sadness", "Neutral"], scores=[[0.1, 0.2, 0.3, 0.4]] * 2, names=names)
    predictions = join(CELL, dataset, table, names)
    assert list(predictions.answers) == [2, -1]
    assert list(predictions.table["label"]) == ["sad", "Neutral"]
    np.testing.assert_allclose(predictions.probabilities, [[0.1, 0.2, 0.4]] * 2, atol=1e-7)


def test_there_are_no_probabilities_without_a_score_for_every_label():
    table = answers(["sad", "sad"], scores=[[0.4, 0.6]] * 2, names=LABELS[1:])
    assert join(CELL, make_dataset(2), table, LABELS).probabilities is None
    nothing = answers([None, None], ["failed"] * 2, scores=[[np.nan] * 3] * 2)
    assert join(CELL, make_dataset(2), nothing, LABELS).probabilities is None


def test_an_outcome_outside_the_five_is_refused():
    table = join(CELL, make_dataset(2), answers(["sad", "sad"]), LABELS).table
    with pytest.raises(
        DataError, match=r"tiny:test/none/counting has outcomes \['guessed'\]\. Use one of par"
    ):
        Predictions(CELL, make_dataset(2).task, table.assign(outcome="guessed"))


@pytest.fixture
def mixed() -> Predictions:
    """Every outcome, untrusted text, scores with gaps."""
    table = answers(
        ["happy", 'so <b>very</b>, "glad"\n', None, None, None],
        list(OUTCOMES),
        scores=[[0.1, 0.7, 0.2], [1 / 3] * 3, [np.nan] * 3, [np.nan] * 3, [np.nan] * 3],
    )
    table["raw_text"] = ["{}", "glad", "I cannot", "happy or sad", None]
    table["reason"] = [None, None, None, "two labels", "timeout"]
    cell = Cell("llava", "tiny", "test", "bicubic", "plain")
    return join(cell, make_dataset(5), table, (*LABELS, table["label"][1]))


def test_a_parquet_file_describes_itself(mixed, tmp_path):
    mixed.write(tmp_path / "cells" / "one.parquet")
    again = Predictions.read(tmp_path / "cells" / "one.parquet")
    assert again.cell == mixed.cell
    assert again.space == mixed.space
    assert np.array_equal(again.answers, mixed.answers)
    assert np.array_equal(again.gold, mixed.gold)
    assert np.array_equal(again.probabilities, mixed.probabilities, equal_nan=True)
    for column in mixed.table:
        assert [None if pd.isna(v) else v for v in again.table[column]] == [
            None if pd.isna(v) else v for v in mixed.table[column]
        ]
    assert pd.read_parquet(tmp_path / "cells" / "one.parquet").shape == mixed.table.shape


def test_a_packaged_space_survives_the_file(tmp_path):
    dataset = make_dataset(3)
    space = label_space("fer2013")
    predictions = Predictions(CELL, Choice(space), join(CELL, dataset, answers(LABELS), LABELS).table)
    predictions.write(tmp_path / "p.parquet")
    assert Predictions.read(tmp_path / "p.parquet").space == space


@pytest.mark.parametrize("kind", ["absent", "text", "truncated", "foreign", "unversed"])
def test_what_is_no_predictions_file_is_named(mixed, tmp_path, kind):
    path = tmp_path / "p.parquet"
    if kind == "text":
        path.write_text("sample_id,label\n")
    elif kind == "truncated":
        mixed.write(path)
        path.write_bytes(path.read_bytes()[:-40])
    elif kind == "foreign":
        pq.write_table(pa.table({"a": [1]}), path)
    elif kind == "unversed":
        table = pa.table({"a": [1]}).replace_schema_metadata({b"harness": json.dumps({"cell": {}}).encode()})
        pq.write_table(table, path)
    with pytest.raises(DataError, match=r"p\.parquet is not a predictions file"):
        Predictions.read(path)
