"""Positions: counted one by one, zero without a preference in any design, large with a planted one."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare
from sklearn.metrics import mutual_info_score

from harness.errors import UsageError
from harness.metrics import (
    excess_mutual_information,
    is_balanced,
    mutual_information,
    mutual_information_of_sums,
    order_permutation_test,
    pick_sums,
    position_pick_excess,
    position_pick_excess_of_sums,
    position_pick_p,
    position_picks,
    position_table,
    recall_std,
)

ALL = np.array(list(permutations(range(4))))
POSITIVE_FIRST = np.array([[0, 1, 2, 3], [1, 0, 2, 3]])  # labels 0 and 1 never stand behind


@st.composite
def asked(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answers, gold and orders; some of the seven labels are not shown."""
    shown = draw(st.sampled_from([[0, 1], [1, 3, 6], [0, 2, 3, 5]]))
    orders = draw(st.lists(st.permutations(shown), min_size=1, max_size=5))
    row = st.lists(st.integers(-1, 6), min_size=len(orders), max_size=len(orders))
    answers = draw(st.lists(row, min_size=1, max_size=6))
    gold = draw(st.lists(st.integers(0, 6), min_size=len(answers), max_size=len(answers)))
    return np.array(answers), np.array(gold), np.array(orders)


def content(n: int, seed: int, orders: np.ndarray, first: float = 0.0, stray: float = 0.0) -> np.ndarray:
    """Each image has one answer, mostly label 0; some asks go to the first label, some to any."""
    rng = np.random.default_rng(seed)
    own = rng.choice(4, (n, 1), p=[0.55, 0.25, 0.15, 0.05])
    answers = np.where(rng.random((n, len(orders))) < stray, rng.integers(0, 4, (n, len(orders))), own)
    return np.where(rng.random((n, len(orders))) < first, orders[:, 0], answers)


@given(asked())
def test_picks_and_tables_are_counted_ask_by_ask(case):
    answers, gold, orders = case
    size = orders.shape[1]
    picks, tables = [0] * size, np.zeros((len(answers), size, size + 1), int)
    for image, row in enumerate(answers.tolist()):
        for answer, order in zip(row, orders.tolist(), strict=True):
            place = order.index(answer) if answer in order else size
            if place < size:
                picks[place] += 1
            if gold[image] in order:
                tables[image, order.index(gold[image]), place] += 1
    assert position_picks(answers, orders).tolist() == picks
    np.testing.assert_array_equal(position_table(answers, gold, orders), tables)


@settings(deadline=None)
@given(asked())
def test_mutual_information_is_scikit_learns_label_by_label(case):
    answers, _, orders = case
    per_label = [
        mutual_info_score(
            np.tile([order.index(label) for order in orders.tolist()], len(answers)),
            (answers == label).ravel(),
        )
        for label in orders[0].tolist()
    ]
    assert mutual_information(answers, orders) == pytest.approx(np.mean(per_label), abs=1e-9)


@given(asked())
def test_what_images_add_adds_up(case):
    answers, _, orders = case
    sums = pick_sums(answers, orders).sum(axis=0)
    assert mutual_information_of_sums(sums) == pytest.approx(mutual_information(answers, orders), abs=1e-12)
    excess = position_pick_excess(answers, orders)
    assert position_pick_excess_of_sums(sums) == pytest.approx(excess, nan_ok=True)
    most = 1 - 1 / orders.shape[1] if is_balanced(orders) else 1
    assert np.isnan(excess) or -1e-12 <= excess <= most + 1e-12
    twice = np.stack([answers, answers[::-1]])
    np.testing.assert_allclose(mutual_information(twice, orders), [mutual_information(answers, orders)] * 2)


@pytest.mark.parametrize("orders", [ALL, POSITIVE_FIRST, ALL[:5]], ids=["all", "positive-first", "five"])
def test_labels_that_are_preferred_are_no_position_bias(orders):
    """Mostly label 0, whatever the order: even where label 0 mostly stands in front."""
    answers = content(300, 0, orders)
    assert position_pick_excess(answers, orders) == pytest.approx(0, abs=1e-12)
    assert mutual_information(answers, orders) == pytest.approx(0, abs=1e-12)
    assert excess_mutual_information(answers, orders, replicates=5) == pytest.approx(0, abs=1e-12)
    assert position_pick_p(answers, orders) == pytest.approx(1)
    if is_balanced(orders):
        assert recall_std(position_table(answers, answers[:, 0], orders).sum(axis=0)) == 0
    else:
        assert np.ptp(position_picks(answers, orders)) > 100  # the control: raw picks are far from equal


def test_always_the_first_label():
    answers = np.tile(ALL[:, 0], (20, 1))
    gold = np.zeros(20, int)
    assert position_picks(answers, ALL).tolist() == [480, 0, 0, 0]
    assert position_pick_excess(answers, ALL) == pytest.approx(0.75)
    assert position_pick_p(answers, ALL) < 1e-100
    assert mutual_information(answers, ALL) == pytest.approx(-0.25 * np.log(0.25) - 0.75 * np.log(0.75))
    assert recall_std(position_table(answers, gold, ALL).sum(axis=0)) == pytest.approx(np.std([1, 0, 0, 0]))


@pytest.mark.parametrize("first", [0.1, 0.5])
def test_a_planted_preference_is_measured(first):
    """With chance b the first label is taken: position 1 gets b more than its share, the gold recall too."""
    answers = content(3_000, 1, ALL, first=first)
    expected = first * 0.75
    assert position_pick_excess(answers, ALL) == pytest.approx(expected, abs=0.01)
    recalls = position_table(answers, content(3_000, 1, ALL)[:, 0], ALL).sum(axis=0)
    assert recall_std(recalls) == pytest.approx(np.std([first, 0, 0, 0]), abs=0.01)
    assert excess_mutual_information(answers[:300], ALL, replicates=20) > 0.001


def test_chance_is_taken_off_the_mutual_information():
    answers = [content(40, seed, ALL[::4], stray=0.6) for seed in range(60)]
    raw = [float(mutual_information(a, ALL[::4])) for a in answers]
    corrected = [excess_mutual_information(a, ALL[::4], replicates=30, seed=1) for a in answers]
    error = np.std(corrected) / 60**0.5
    assert abs(np.mean(corrected)) < 4 * error
    assert np.mean(raw) > 8 * error


def test_chi_square_is_scipys_and_no_position_is_nan():
    answers = content(50, 2, ALL, first=0.05, stray=0.3)
    expected = chisquare(position_picks(answers, ALL)).pvalue
    assert position_pick_p(answers, ALL) == pytest.approx(expected)
    nothing = np.full((3, 24), -1)
    assert np.isnan(position_pick_p(nothing, ALL))
    assert np.isnan(position_pick_excess(nothing, ALL))
    assert mutual_information(nothing, ALL) == 0
    assert np.isnan(recall_std(position_table(nothing, [5, 5, 5], ALL).sum(axis=0)))


def test_a_noisy_preference_is_found_by_permutation_without_repeats():
    answers = content(60, 3, ALL, first=0.15, stray=0.3)
    p_value = order_permutation_test(answers, lambda a: mutual_information(a, ALL), replicates=99)
    assert p_value == 0.01


@pytest.mark.parametrize(
    ("answers", "orders"),
    [
        ([[0, 1]], [[0, 1]]),
        ([0, 1], [[0, 1], [1, 0]]),
        ([[0, 1]], [[0, 1], [1, 2]]),
        ([[0, 1]], [[0, 0], [0, 0]]),
        ([[0, 1]], [0, 1]),
    ],
)
def test_orders_that_do_not_fit_are_refused(answers, orders):
    with pytest.raises(UsageError, match="that all show the same K labels"):
        position_picks(answers, orders)
