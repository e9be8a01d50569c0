"""Draws against the distributions they must have, exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.errors import UsageError
from harness.statistics.grouping import group_cells, group_codes, group_rows
from harness.statistics.lookup import coin_flips, draw_counts, poisson
from harness.statistics.resampling import draw_groups, draw_totals

DRAWS = 40_000


def chi_square(observed: np.ndarray, expected: np.ndarray) -> float:
    """P-value of counts against expectations; outcomes that are rare or were not drawn are pooled."""
    common = expected >= 5
    counts = np.append(observed[common], observed[~common].sum())
    pooled = np.append(expected[common], max(DRAWS - expected[common].sum(), 1e-9))
    return stats.chisquare(counts, pooled * DRAWS / pooled.sum()).pvalue


@pytest.mark.parametrize(
    "counts",
    [[1, 9], [2, 3, 11], [1, 1, 1, 30], [1, 1, 2, 4, 60], [1, 1, 1], [2, 2, 2, 2]],
    ids=str,
)
def test_draws_are_multinomial(counts):
    counts = np.array(counts)
    total = counts.sum()
    draws = draw_groups(counts, DRAWS, np.random.default_rng(1)).astype(int)
    assert (draws.sum(axis=0) == total).all()
    outcomes, observed = np.unique(draws, axis=1, return_counts=True)
    expected = stats.multinomial.pmf(outcomes.T, total, counts / total) * DRAWS
    assert chi_square(observed, expected) > 0.01


@pytest.mark.parametrize("count", [1, 2, 50])
def test_one_kind_is_always_drawn_in_full(count):
    assert (draw_groups(np.array([count]), 20, np.random.default_rng(0)) == count).all()


def test_common_kinds_keep_their_binomial_tails():
    counts = np.array([1, 5, 40, 300, 700, 2_500])
    draws = draw_groups(counts, DRAWS, np.random.default_rng(2))
    for kind, count in enumerate(counts):
        expected = stats.binom(counts.sum(), count / counts.sum())
        support = np.arange(counts.sum() + 1)
        observed = np.bincount(draws[kind].astype(int), minlength=len(support))
        assert chi_square(observed, expected.pmf(support) * DRAWS) > 0.01
    covariance = np.cov(draws[-1], draws[-2])[0, 1]
    assert covariance == pytest.approx(-2_500 * 700 / counts.sum(), rel=0.05)


@pytest.mark.parametrize("count", [1, 2, 30, 3_000])
def test_looked_up_counts_have_their_distribution(count):
    rng = np.random.default_rng(count)
    support = np.arange(3 * count + 60)
    for distribution, exact in ((poisson, stats.poisson(count)), (coin_flips, stats.binom(count, 0.5))):
        drawn = draw_counts(np.array([count]), DRAWS, distribution, rng)[0].astype(int)
        observed = np.bincount(drawn, minlength=len(support))
        assert chi_square(observed, exact.pmf(support) * DRAWS) > 0.01


def test_replicates_stay_independent_of_chunks(monkeypatch):
    cells = np.random.default_rng(0).integers(0, 20, 500)
    monkeypatch.setattr("harness.statistics.resampling._CHUNK", 20 * 7)
    drawn = list(draw_totals(group_cells(cells, 20), 100, np.random.default_rng(0)))
    assert [len(chunk) for chunk in drawn] == [7] * 14 + [2]
    assert (np.concatenate(drawn).sum(axis=1) == 500).all()
    assert len(np.unique(np.concatenate(drawn), axis=0)) > 90


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=40))
def test_kinds_of_groups_are_the_distinct_ones(samples):
    cells, keys = [cell for cell, _ in samples], [f"video {key}" for _, key in samples]
    expected: dict[tuple[int, ...], int] = {}
    for key in set(keys):
        table = np.bincount([cell for cell, k in zip(cells, keys, strict=True) if k == key], minlength=5)
        expected[tuple(table)] = expected.get(tuple(table), 0) + 1
    kinds = group_cells(cells, 5, keys)
    rows = [tuple(row) for row in kinds.totals.toarray().astype(int)]
    assert dict(zip(rows, kinds.counts, strict=True)) == expected
    assert (np.diff(kinds.counts) >= 0).all()


def test_without_groups_every_sample_is_one():
    cells = [3, 3, 0, 1, 3]
    alone, grouped = group_cells(cells, 4), group_cells(cells, 4, range(5))
    np.testing.assert_array_equal(alone.totals.toarray(), grouped.totals.toarray())
    np.testing.assert_array_equal(alone.counts, [1, 1, 3])


def test_rows_are_totalled_by_group():
    rows = np.array([[1.0, 0.0], [2.0, 1.0], [4.0, 0.5]])
    totals = group_rows(rows, np.array(["b", "a", "b"])).totals.toarray()
    np.testing.assert_array_equal(totals, [[5.0, 0.5], [2.0, 1.0]])


def test_group_keys_may_be_anything_hashable():
    np.testing.assert_array_equal(group_codes(["x", None, ("x", 1), "x"], 4), [0, 1, 2, 0])


@pytest.mark.parametrize(
    ("call", "cause"),
    [
        (lambda: group_cells([0, 1], 2, ["a"]), "one group per sample, but got 1 for 2"),
        (lambda: group_cells([], 2), "one or more cells"),
        (lambda: group_cells([2], 2), "from 0 to 1"),
        (lambda: group_rows(np.zeros((0, 2))), "at least one sample"),
    ],
)
def test_says_what_is_wrong(call, cause):
    with pytest.raises(UsageError, match=cause):
        call()


@pytest.mark.parametrize("counts", [np.ones(420, int), np.ones(3000, int), np.array([1, 1, 2, 3])])
def test_groups_drawn_one_by_one_are_those_of_a_plain_loop(counts):
    kinds = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(5)
    plain = [
        np.bincount(kinds[rng.integers(0, len(kinds), len(kinds))], minlength=len(counts)) for _ in range(201)
    ]
    after = np.random.default_rng(5)
    assert (plain == draw_groups(counts, 201, after).T).all()
    assert after.integers(1 << 40) == rng.integers(1 << 40)
