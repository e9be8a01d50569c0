"""Effective sample size against its known extremes and against simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.statistics import effective_n


def test_independent_samples_are_worth_their_number():
    rng = np.random.default_rng(0)
    assert effective_n(rng.random(500) < 0.6, range(500)) == 500


def test_copies_are_worth_one():
    rng = np.random.default_rng(0)
    right = rng.random(400) < 0.6
    assert effective_n(np.repeat(right, 5), np.repeat(np.arange(400), 5)) == pytest.approx(400)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=60))
def test_it_is_between_zero_and_n(samples):
    right, groups = np.array([r for r, _ in samples]), [g for _, g in samples]
    assert 0 < effective_n(right, groups) <= len(samples)


def test_it_gives_the_true_standard_error():
    """2,000 draws of 60 subjects with 8 frames; subjects differ in how easy they are."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(60), 8)
    means, predicted = [], []
    for _ in range(2000):
        right = rng.random(480) < rng.beta(2, 1, 60)[groups]
        rate = right.mean()
        means.append(rate)
        predicted.append(rate * (1 - rate) / effective_n(right, groups))
    assert np.mean(predicted) == pytest.approx(np.var(means), rel=0.1)
