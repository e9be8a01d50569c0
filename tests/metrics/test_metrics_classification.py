import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from harness import metrics
from harness.errors import UsageError
from harness.metrics import confusion_table

MEANS = (
    metrics.accuracy,
    metrics.coverage,
    metrics.accuracy_of_answered,
    metrics.balanced_accuracy,
    metrics.macro_precision,
    metrics.macro_f1,
    metrics.weighted_precision,
    metrics.weighted_f1,
)
PER_CLASS = (metrics.precision_per_class, metrics.recall_per_class, metrics.f1_per_class)


@st.composite
def answered(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    """A label space and answers over part of it, so that absent classes are common."""
    num_labels = draw(st.integers(1, 6))
    labels = st.integers(0, draw(st.integers(0, num_labels - 1)))
    pairs = draw(st.lists(st.tuples(labels, labels | st.just(-1)), min_size=1, max_size=30))
    return num_labels, [gold for gold, _ in pairs], [answer for _, answer in pairs]


@settings(max_examples=40, deadline=None)
@given(answered())
def test_equals_scikit_learn_with_explicit_labels(case):
    num_labels, gold, predicted = case
    table = confusion_table(gold, predicted, num_labels)
    labels = list(range(num_labels))
    options = {"labels": labels, "average": None}
    f1 = sk.f1_score(gold, predicted, zero_division=np.nan, **options)
    recall = sk.recall_score(gold, predicted, zero_division=np.nan, **options)
    # scikit-learn has no value for "0 in gold, nan in neither", so its nan of a class in gold becomes 0 here.
    precision = sk.precision_score(gold, predicted, zero_division=np.nan, **options)
    precision[np.isnan(precision) & np.isin(labels, gold)] = 0
    np.testing.assert_allclose(metrics.f1_per_class(table), f1)
    np.testing.assert_allclose(metrics.recall_per_class(table), recall)
    np.testing.assert_allclose(metrics.precision_per_class(table), precision)
    np.testing.assert_allclose(metrics.macro_f1(table), np.nanmean(f1))
    np.testing.assert_allclose(metrics.macro_precision(table), np.nanmean(precision))
    np.testing.assert_allclose(metrics.balanced_accuracy(table), np.nanmean(recall))
    weighted = {"labels": labels, "average": "weighted", "zero_division": 0}
    np.testing.assert_allclose(metrics.weighted_f1(table), sk.f1_score(gold, predicted, **weighted))
    np.testing.assert_allclose(
        metrics.weighted_precision(table), sk.precision_score(gold, predicted, **weighted)
    )
    np.testing.assert_allclose(metrics.accuracy(table), sk.accuracy_score(gold, predicted))


@settings(max_examples=50, deadline=None)
@given(answered(), st.data())
def test_a_label_that_nobody_uses_changes_no_mean(case, data):
    num_labels, gold, predicted = case
    at = data.draw(st.integers(0, num_labels))
    wider_gold, wider_predicted = (
        [label + (label >= at) for label in labels] for labels in (gold, predicted)
    )
    table = confusion_table(gold, predicted, num_labels)
    wider = confusion_table(wider_gold, wider_predicted, num_labels + 1)
    for metric in MEANS:
        np.testing.assert_allclose(metric(wider), metric(table))
    for metric in PER_CLASS:
        assert np.isnan(metric(wider)[at])


@settings(max_examples=40, deadline=None)
@given(st.lists(answered(), min_size=2, max_size=4))
def test_leading_axes_are_kept(cases):
    tables = [confusion_table(gold, predicted, 6) for _, gold, predicted in cases]
    stacked = np.stack([tables, tables])
    for metric in (*MEANS, *PER_CLASS):
        expected = np.array([metric(table) for table in tables])
        np.testing.assert_allclose(metric(stacked), np.stack([expected, expected]))
        fortran_floats = np.asfortranarray(stacked.astype(np.float32))
        np.testing.assert_allclose(metric(fortran_floats), np.stack([expected, expected]))


def test_no_valid_answer_is_wrong_but_for_survivors():
    table = confusion_table([0, 0, 1, 1], [0, -1, 1, -1], 2)
    assert metrics.accuracy(table) == 0.5
    assert metrics.coverage(table) == 0.5
    assert metrics.accuracy_of_answered(table) == 1
    np.testing.assert_array_equal(metrics.recall_per_class(table), [0.5, 0.5])
    np.testing.assert_array_equal(metrics.precision_per_class(table), [1, 1])


def test_a_model_that_never_answers_scores_zero_not_nan():
    table = confusion_table([0, 1], [-1, -1], 3)
    assert metrics.accuracy(table) == metrics.macro_f1(table) == metrics.macro_precision(table) == 0
    assert np.isnan(metrics.accuracy_of_answered(table))


def test_collapse_to_one_class_is_not_flattered():
    """Classes that are never answered have precision 0, they do not drop out of the mean."""
    table = confusion_table([0, 1, 2, 3], [3, 3, 3, 3], 4)
    assert metrics.macro_precision(table) == 0.25 / 4


def test_no_samples_is_nan():
    table = confusion_table([], [], 3)
    assert table.shape == (3, 4)
    assert all(np.isnan(metric(table)) for metric in MEANS)


@pytest.mark.parametrize(
    ("gold", "predicted", "cause"),
    [
        ([0, 1], [0], r"one shape"),
        ([0, 7], [0, 0], r"`gold` to hold integers from 0 to 6"),
        ([0, -1], [0, 0], r"`gold` to hold integers from 0 to 6"),
        ([0, 0], [0, 7], r"`predicted` to hold integers from -1 to 6"),
        ([0, 0], [0.0, 1.0], r"float64"),
    ],
)
def test_says_which_labels_are_wrong(gold, predicted, cause):
    with pytest.raises(UsageError, match=cause):
        confusion_table(gold, predicted, 7)
