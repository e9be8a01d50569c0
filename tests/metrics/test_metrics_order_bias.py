"""Order metrics: written out pair by pair, unbiased under noise, and zero where no order matters."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import recall_score

from harness.errors import UsageError
from harness.metrics import (
    accuracy_range,
    confusion_table,
    consistency,
    excess_flips,
    flip_rates,
    order_permutation_test,
    recall_std,
)

TWICE = np.repeat(np.arange(5), 2)  # five orders, each asked twice


@st.composite
def asked(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Answers of a few images, and the order of every ask; at least two orders."""
    ids = draw(st.lists(st.integers(0, 3), min_size=2, max_size=8).filter(lambda ids: len(set(ids)) > 1))
    answers = st.lists(st.integers(-1, 3), min_size=len(ids), max_size=len(ids))
    return np.array(draw(st.lists(answers, min_size=1, max_size=5))), np.array(ids)


def noisy(n: int, seed: int, *, stray: float, moved: float = 0.0) -> np.ndarray:
    """Answers (n, 10) that stray at random with one chance, and move with the order with another."""
    rng = np.random.default_rng(seed)
    own = np.repeat(rng.integers(0, 7, (n, 1)), 10, axis=1)
    moving = (own + 1 + TWICE) % 7  # a different label in each order
    steady = np.where(rng.random((n, 1)) < moved, moving, own)
    return np.where(rng.random((n, 10)) < stray, rng.integers(0, 7, (n, 10)), steady)


@given(asked())
def test_flip_rates_are_the_share_of_pairs_that_disagree(case):
    answers, _ = case
    pairs = list(combinations(range(answers.shape[1]), 2))
    expected = [np.mean([row[i] != row[j] for i, j in pairs]) for row in answers]
    np.testing.assert_allclose(flip_rates(answers), expected, atol=1e-12)
    assert consistency(answers) == np.mean(flip_rates(answers) == 0)


@given(asked())
def test_excess_flips_compare_orders_with_repeats(case):
    answers, ids = case
    for row, ours in zip(answers, excess_flips(answers, ids), strict=True):
        of = {i: row[ids == i] for i in set(ids.tolist())}
        across = [np.mean(a[:, None] != b) for a, b in combinations(of.values(), 2)]
        within = [np.mean([x != y for x, y in combinations(a, 2)]) for a in of.values() if len(a) > 1]
        assert ours == pytest.approx(np.mean(across) - (np.mean(within) if within else 0), abs=1e-9)
        assert -1 <= ours <= 1


@given(asked(), st.randoms(use_true_random=False))
def test_neither_the_sequence_of_asks_nor_the_names_of_labels_matter(case, random):
    answers, ids = case
    shuffled = random.sample(range(len(ids)), len(ids))
    renamed = np.array([-1, 3, 0, 2, 1])[answers + 1]
    for ours in (excess_flips(answers[:, shuffled], ids[shuffled]), excess_flips(renamed, ids)):
        np.testing.assert_allclose(ours, excess_flips(answers, ids), atol=1e-12)


def test_noise_is_no_excess():
    """A model that strays at random flips in half of the pairs, yet exceeds nothing."""
    excess = excess_flips(noisy(4_000, 0, stray=0.35), TWICE)
    assert flip_rates(noisy(4_000, 0, stray=0.35)).mean() > 0.45
    assert abs(excess.mean()) < 4 * excess.std() / 4_000**0.5


@pytest.mark.parametrize("stray", [0.0, 0.3])
def test_the_excess_of_a_planted_order_effect_is_as_computed(stray):
    """An image that moves with the order: both asks unmoved by chance differ across orders, not within."""
    excess = excess_flips(noisy(4_000, 1, stray=stray, moved=0.4), TWICE)
    expected = 0.4 * (1 - stray) ** 2
    assert abs(excess.mean() - expected) < 4 * excess.std() / 4_000**0.5


def test_leading_axes_are_kept():
    answers = np.random.default_rng(2).integers(-1, 4, (3, 6, 10))
    for metric in (flip_rates, lambda a: excess_flips(a, TWICE)):
        np.testing.assert_array_equal(metric(answers), np.stack([metric(block) for block in answers]))


def test_accuracy_of_the_worst_and_best_order():
    gold = np.array([0, 1, 2, 3])
    answers = np.stack([gold, gold, [0, 1, 2, -1], [0, 1, 0, 0], [0, 0, 0, 0], [-1, 1, 2, 3]], axis=1)
    assert accuracy_range(answers, gold, [5, 5, 1, 1, 3, 3]) == (0.5, 1)
    assert accuracy_range(answers, gold, range(6)) == (0.25, 1)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=1, max_size=30))
def test_rstd_is_the_deviation_of_scikit_learns_recalls(pairs):
    gold, answers = np.array(pairs).T
    recalls = recall_score(gold, answers, labels=np.unique(gold), average=None, zero_division=0)
    table = confusion_table(gold, answers, 4)
    assert recall_std(table) == pytest.approx(np.std(recalls), abs=1e-12)
    both = recall_std(np.stack([table, np.zeros_like(table)]))
    assert both[0] == recall_std(table)
    assert np.isnan(both[1])


def excess(answers: np.ndarray) -> np.ndarray:
    return excess_flips(answers, TWICE).sum(axis=-1)


def test_the_permutation_test_rejects_no_more_often_than_alpha():
    p_values = [order_permutation_test(noisy(30, s, stray=0.4), excess, replicates=39) for s in range(200)]
    assert (np.array(p_values) * 40 % 1 < 1e-9).all()
    for alpha in (0.05, 0.25, 0.5):
        assert (np.array(p_values) <= alpha).sum() <= binom.ppf(0.999, 200, alpha)
    assert np.mean(p_values) < 0.6  # and not just because it never rejects


def test_the_permutation_test_finds_a_planted_effect_under_noise():
    found = [
        order_permutation_test(noisy(60, s, stray=0.4, moved=0.3), excess, replicates=39) for s in range(40)
    ]
    assert np.mean(np.array(found) <= 0.05) > 0.9


def test_the_permutation_test_agrees_with_going_through_all_permutations():
    answers, ids = np.array([[0, 0, 1, 2, 2], [3, 3, 3, 1, 1]]), np.array([0, 0, 0, 1, 1])
    alone = [
        [excess_flips(np.array([order]), ids)[0] for order in permutations(row.tolist())] for row in answers
    ]
    sums = np.add.outer(*alone).ravel()
    exact = (sums >= excess_flips(answers, ids).sum() - 1e-9).mean()
    ours = order_permutation_test(answers, lambda a: excess_flips(a, ids).sum(axis=-1), replicates=20_000)
    assert ours == pytest.approx(exact, abs=5 * (exact / 20_000) ** 0.5)


def test_a_flip_rate_alone_cannot_be_tested():
    answers = noisy(20, 0, stray=0.5)
    assert order_permutation_test(answers, lambda a: flip_rates(a).mean(axis=-1), replicates=19) == 1


def test_seeds_repeat_and_differ():
    answers = noisy(30, 3, stray=0.4)
    p_values = [order_permutation_test(answers, excess, replicates=199, seed=seed) for seed in (0, 0, 1)]
    assert p_values[0] == p_values[1] != p_values[2]


@pytest.mark.parametrize(
    ("call", "cause"),
    [
        (lambda: flip_rates([[1], [2]]), "at least two asks"),
        (lambda: flip_rates([0, 1]), r"\(N, O\)"),
        (lambda: flip_rates([[0.5, 1]]), "float64"),
        (lambda: flip_rates([[0, -2]]), "label indices"),
        (lambda: excess_flips([[0, 1]], [3, 3]), "at least two label orders"),
        (lambda: excess_flips([[0, 1]], [0, 1, 2]), r"shape \(3,\) for 2"),
        (lambda: accuracy_range([[0, 1]], [0], [0]), "one order per ask"),
        (lambda: order_permutation_test([[0] * 10], excess, replicates=0), "`replicates`"),
    ],
)
def test_says_what_is_wrong(call, cause):
    with pytest.raises(UsageError, match=cause):
        call()
