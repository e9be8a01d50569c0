"""Sentiment: counted sample by sample, nothing lost, and zero for a fair system."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.metrics import confusion_table, error_categories, sentiment_bias

# anger, disgust, happiness, neutral, sadness, amusement, surprise
SENTIMENTS = [-1, -1, 1, 0, -1, 1, 0]
AROUSALS = [1, 1, 0, -1, -1, 1, 1]
pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(-1, 6)), min_size=1, max_size=40)


def table_of(answered) -> np.ndarray:
    return confusion_table(*np.array(answered).T, 7)


@given(pairs)
def test_bias_is_the_difference_of_shares(answered):
    bias = sentiment_bias(table_of(answered), SENTIMENTS)
    for kind, ours in ((1, bias.positive), (-1, bias.negative), (0, bias.neither)):
        given_as = sum(answer >= 0 and SENTIMENTS[answer] == kind for _, answer in answered)
        gold = sum(SENTIMENTS[gold] == kind for gold, _ in answered)
        assert ours == pytest.approx((given_as - gold) / len(answered))
    assert bias.invalid == pytest.approx(np.mean([answer < 0 for _, answer in answered]))
    assert sum(bias) == pytest.approx(0)


@given(pairs)
def test_every_error_has_one_category(answered):
    ours = error_categories(table_of(answered), SENTIMENTS, AROUSALS)
    expected = {"sentiment": 0, "arousal": 0, "label": 0, "invalid": 0, "none": 0}
    for gold, answer in answered:
        if answer < 0:
            kind = "invalid"
        elif SENTIMENTS[gold] != SENTIMENTS[answer]:
            kind = "sentiment"
        elif AROUSALS[gold] != AROUSALS[answer]:
            kind = "arousal"
        else:
            kind = "none" if gold == answer else "label"
        expected[kind] += 1
    assert [*ours, expected["none"]] == list(expected.values())


@given(st.lists(pairs, min_size=1, max_size=4))
def test_leading_axes_are_kept(blocks):
    tables = [table_of(block) for block in blocks]
    bias, errors = (
        [metric(table) for table in tables]
        for metric in (
            lambda table: sentiment_bias(table, SENTIMENTS),
            lambda table: error_categories(table, SENTIMENTS, AROUSALS),
        )
    )
    np.testing.assert_array_equal(sentiment_bias(np.stack(tables), SENTIMENTS), np.transpose(bias))
    np.testing.assert_array_equal(
        error_categories(np.stack(tables), SENTIMENTS, AROUSALS), np.transpose(errors)
    )


def test_a_fair_system_has_no_bias_and_a_gloomy_one_has():
    gold = np.tile(np.arange(7), 10)
    assert sentiment_bias(confusion_table(gold, np.roll(gold, 1), 7), SENTIMENTS) == (0, 0, 0, 0)
    gloomy = sentiment_bias(confusion_table(gold, np.zeros(70, int), 7), SENTIMENTS)
    assert gloomy == pytest.approx((-2 / 7, 4 / 7, -2 / 7, 0))


def test_no_samples_is_nan():
    assert np.isnan(sentiment_bias(np.zeros((7, 8), int), SENTIMENTS)).all()
    assert error_categories(np.zeros((7, 8), int), SENTIMENTS, AROUSALS) == (0, 0, 0, 0)


@pytest.mark.parametrize("sentiments", [SENTIMENTS[:-1], [2, *SENTIMENTS[1:]], ["positive"] * 7])
def test_sentiments_must_be_known_for_every_label(sentiments):
    with pytest.raises(UsageError, match="`sentiments` to hold 1, 0 or -1 for each of 7 labels"):
        sentiment_bias(np.ones((7, 8), int), sentiments)
