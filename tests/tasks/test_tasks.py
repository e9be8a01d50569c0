"""Credit is a share of what could be had, and an answer is read or it is none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.datasets import Dataset, Sample
from harness.errors import DataError, Unavailable, UsageError
from harness.labels import LabelSpace
from harness.predictions import Cell, Predictions, join
from harness.tasks import Choice, Dimensions, Votes, task_as_dict, task_from_dict

SPACE = LabelSpace.of("three", ("angry", "happy", "sad"))
CELL = Cell("m", "tiny", "test")
SCALES = st.tuples(st.floats(-100, 100), st.floats(0.1, 100)).map(lambda pair: (pair[0], pair[0] + pair[1]))


def dataset(task, *samples) -> Dataset:
    named = (Sample(str(i), label, None, target) for i, (label, target) in enumerate(samples))
    return Dataset("tiny", "test", task, tuple(named), lambda name: np.full((2, 2), int(name), np.uint8))


def rows(*labels, **more) -> pd.DataFrame:
    given = {"outcome": ["failed" if one is None else "parsed" for one in labels], "label": labels}
    blank = {"raw_text": None, "reason": None, "latency_s": 0.0, "pixel_digest": ""}
    return pd.DataFrame({**given, **blank, **more})


@given(
    st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 2)), min_size=1),
)
def test_of_a_choice_only_the_right_label_counts(pairs):
    answers, targets = np.array(pairs).T
    assert Choice(SPACE).credit(answers, targets).tolist() == [float(a == t) for a, t in pairs]


@given(
    arrays(np.float64, (5, 3), elements=st.floats(0.01, 10)),
    arrays(np.int64, 5, elements=st.integers(-1, 2)),
)
def test_of_votes_credit_is_the_chance_to_agree_with_an_annotator(counts, answers):
    samples = [(SPACE.labels[int(row.argmax())], tuple(row)) for row in counts]
    given = [None if a < 0 else SPACE.labels[a] for a in answers]
    credit = join(CELL, dataset(Votes(SPACE), *samples), rows(*given), SPACE.labels).credit
    shares = counts / counts.sum(axis=1, keepdims=True)
    expected = [0 if a < 0 else shares[i, a] for i, a in enumerate(answers)]
    assert credit == pytest.approx(np.array(expected))


@given(SCALES, SCALES, st.data())
def test_of_dimensions_credit_falls_with_the_distance_on_stretched_scales(valence, arousal, data):
    task = Dimensions(valence, arousal)
    point = st.tuples(st.floats(*valence), st.floats(*arousal))
    answers, targets = (np.array(data.draw(st.lists(point, min_size=4, max_size=4))) for _ in range(2))
    credit = task.credit(answers, targets)
    assert ((credit >= 0) & (credit <= 1)).all()
    assert task.credit(targets, targets) == pytest.approx(1)
    halfway = task.credit((answers + targets) / 2, targets)
    assert 1 - halfway == pytest.approx((1 - credit) / 2, abs=1e-9)
    corners = np.array([[valence[0], arousal[0]]]), np.array([[valence[1], arousal[1]]])
    assert task.credit(*corners) == pytest.approx(0, abs=1e-9)
    answers[1] = np.nan
    assert task.credit(answers, targets)[1] == 0


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_dimensions_are_read_from_each_form_in_which_they_are_given(valence, arousal):
    texts = (
        f'{{"valence": {valence!r}, "arousal": {arousal!r}}}',
        f"Arousal: {arousal!r}, valence = {valence!r}.",
        f"({valence!r}, {arousal!r})",
    )
    assert [Dimensions().read(text) for text in texts] == [(valence, arousal)] * 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "happy",
        "0.5",
        "0.1, 0.2, 0.3",
        "valence: 0.5",
        "valence: 0.5, arousal: 1.5",
        "valence: 0.5, valence: 0.2",
        "valence: 0.5, valence: 0.2, arousal: 0",
        '{"valence": "high", "arousal": 0.1}',
        '{"valence": true, "arousal": 0.1}',
        '{"valence": NaN, "arousal": 0.1}',
        "valence: 0.5e, arousal: 0.2x",
    ],
)
def test_no_numbers_are_guessed(text):
    assert Dimensions().read(text) is None


def test_a_network_of_two_outputs_answers_dimensions():
    data = dataset(Dimensions(), ("", (0.5, -0.5)), ("", (1.0, 1.0)), ("", (0.0, 0.0)), ("", (0.0, 0.0)))
    scores = {"score_valence": [0.5, -1.0, 3.0, np.nan], "score_arousal": [-0.5, -1.0, 0.0, np.nan]}
    labels = ("valence", "valence", "valence", None)
    found = join(CELL, data, rows(*labels, **scores), ("valence", "arousal"))
    assert found.credit.tolist() == [1, 0, 0, 0]
    assert found.table["outcome"].tolist() == ["parsed", "parsed", "out_of_vocabulary", "failed"]
    with pytest.raises(
        Unavailable, match=r"tiny:test asks for valence from -1 to 1 and arousal.*needs labels"
    ):
        _ = found.answers


def test_written_numbers_answer_dimensions():
    data = dataset(Dimensions(), ("", (0.5, -0.5)), ("", (0.0, 0.0)))
    found = join(CELL, data, rows("0.5, -0.5", "happy"), ())
    assert found.credit.tolist() == [1, 0]
    assert found.table["outcome"].tolist() == ["parsed", "out_of_vocabulary"]


@pytest.mark.parametrize(
    ("task", "label", "target", "message"),
    [
        (Choice(SPACE), "bored", (), "Unknown label 'bored'"),
        (Choice(SPACE), "sad", (1.0, 0.0, 9.0), "make the task Votes"),
        (Votes(SPACE), "sad", (5.0, 0.0, 4.0), "one with most of them"),
        (Votes(SPACE), "sad", (0.0, 0.0, 0.0), "one with most of them"),
        (Votes(SPACE), "sad", (), "one number from 0 on for each of angry, happy, sad"),
        (Votes(SPACE), "sad", (-1.0, 0.0, 1.0), "one number from 0 on"),
        (Dimensions(), "sad", (0.0, 0.0), "Give an empty label and valence from -1 to 1"),
        (Dimensions(), "", (0.0, 2.0), "arousal from -1 to 1"),
    ],
)
def test_a_sample_that_is_labelled_otherwise_is_refused(task, label, target, message):
    with pytest.raises(UsageError, match=message):
        dataset(task, (label, target))


def test_a_scale_rises():
    with pytest.raises(UsageError, match="scale of arousal to rise, but got 1 to 1"):
        Dimensions(arousal=(1, 1))


@pytest.mark.parametrize(
    ("task", "samples", "answers"),
    [
        (Choice(SPACE), [("sad", ()), ("happy", ())], ("sad", None)),
        (Votes(SPACE), [("sad", (1.0, 2.0, 2.0)), ("happy", (0.0, 3.0, 1.0))], ("happy", "sad")),
        (Dimensions((0, 9), (1, 9)), [("", (2.0, 3.0)), ("", (9.0, 9.0))], ("1, 2", None)),
    ],
)
def test_predictions_of_every_task_are_read_as_they_were_written(tmp_path, task, samples, answers):
    written = join(CELL, dataset(task, *samples), rows(*answers), SPACE.labels)
    written.write(tmp_path / "p.parquet")
    read = Predictions.read(tmp_path / "p.parquet")
    assert (read.task, read.credit.tolist()) == (task, written.credit.tolist())
    assert task_from_dict(task_as_dict(task)) == task


class TestRaters:
    def answers(self, *pairs) -> pd.DataFrame:
        ids, raters, labels = zip(*pairs, strict=True)
        return rows(*labels, sample_id=ids, rater=raters)

    def test_each_has_a_row_of_a_sample_and_a_column_of_the_labels(self):
        data = dataset(Choice(SPACE), ("sad", ()), ("happy", ()))
        given = self.answers(("0", "ann", "sad"), ("0", "bob", "happy"), ("1", "bob", "happy"))
        found = join(CELL, data, given, SPACE.labels)
        samples, raters, labels = found.labels_by_rater()
        assert (samples, raters, labels.tolist()) == (["0", "1"], ["ann", "bob"], [[2, 1], [-1, 1]])
        assert found.table["gold"].tolist() == ["sad", "sad", "happy"]
        assert (len(set(found.groups)), found.one_answer_each) == (2, False)

    def test_without_raters_there_is_one_column(self):
        found = join(CELL, dataset(Choice(SPACE), ("sad", ())), rows("sad"), SPACE.labels)
        assert found.labels_by_rater()[1:][1].tolist() == [[2]]
        assert found.one_answer_each

    def test_one_rater_answers_a_sample_once(self):
        data = dataset(Choice(SPACE), ("sad", ()))
        with pytest.raises(DataError, match=r"two answers of one rater to one sample \(0, ann\)"):
            join(CELL, data, self.answers(("0", "ann", "sad"), ("0", "ann", "sad")), SPACE.labels)

    def test_a_row_about_no_sample_is_an_error(self):
        with pytest.raises(DataError, match="answers about 'x', which is no sample of tiny:test"):
            join(CELL, dataset(Choice(SPACE), ("sad", ())), self.answers(("x", "ann", "sad")), SPACE.labels)
