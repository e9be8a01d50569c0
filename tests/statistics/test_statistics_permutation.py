from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.errors import UsageError
from harness.metrics import accuracy, accuracy_of_answered, confusion_table, macro_f1
from harness.statistics import paired_permutation


def enumerated(gold, a, b, num_labels, groups) -> float:
    """The exact p-value: every one of the 2 ** groups swaps."""
    gold, a, b, groups = map(np.asarray, (gold, a, b, groups))

    def difference(first, second):
        return macro_f1(confusion_table(gold, first, num_labels)) - macro_f1(
            confusion_table(gold, second, num_labels)
        )

    names = np.unique(groups)
    observed = abs(difference(a, b))
    extreme = []
    for choice in product([False, True], repeat=len(names)):
        swapped = np.isin(groups, names[list(choice)])
        value = difference(np.where(swapped, b, a), np.where(swapped, a, b))
        extreme.append(abs(value) >= observed - 1e-9)
    return float(np.mean(extreme))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["alone", "pairs"]))
def test_equals_enumeration(seed, grouping):
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 3, 9)
    a, b = np.where(rng.random(9) < 0.7, gold, 0), rng.integers(-1, 3, 9)
    groups = np.arange(9) if grouping == "alone" else np.arange(9) // 2
    expected = enumerated(gold, a, b, 3, groups)
    p_value = paired_permutation(gold, a, b, 3, macro_f1, groups=groups, replicates=20_000)
    assert p_value == pytest.approx(expected, abs=0.018)  # five standard errors


def test_on_accuracy_it_is_the_exact_conditional_test():
    gold = np.zeros(100, int)
    a, b = np.where(np.arange(100) < 18, 1, 0), np.where(np.arange(100) >= 92, 1, 0)
    expected = binomtest(8, 26).pvalue
    p_value = paired_permutation(gold, a, b, 2, accuracy, replicates=50_000)
    assert p_value == pytest.approx(expected, abs=0.01)


def test_rejects_no_more_often_than_it_says():
    rng = np.random.default_rng(1)
    rejected = 0
    for seed in range(200):
        gold = rng.integers(0, 3, 80)
        a, b = (np.where(rng.random(80) < 0.6, gold, rng.integers(0, 3, 80)) for _ in range(2))
        rejected += paired_permutation(gold, a, b, 3, macro_f1, replicates=199, seed=seed) <= 0.1
    assert 0.05 <= rejected / 200 <= 0.15


def test_copies_add_no_evidence_when_grouped():
    rng = np.random.default_rng(2)
    gold = rng.integers(0, 3, 60)
    a, b = (np.where(rng.random(60) < skill, gold, rng.integers(0, 3, 60)) for skill in (0.7, 0.55))
    once = paired_permutation(gold, a, b, 3, macro_f1)
    copies = [np.tile(array, 4) for array in (gold, a, b)]
    assert paired_permutation(*copies, 3, macro_f1, groups=np.tile(np.arange(60), 4)) == once
    assert paired_permutation(*copies, 3, macro_f1) < once


def test_equal_systems_have_p_one_and_no_p_is_zero():
    gold = np.arange(60) % 3
    assert paired_permutation(gold, gold, gold, 3, macro_f1) == 1
    assert paired_permutation(gold, gold, (gold + 1) % 3, 3, macro_f1, replicates=99) == 0.01


def test_undefined_difference_is_nan():
    never = np.full(4, -1)
    assert np.isnan(paired_permutation(np.zeros(4, int), never, never, 2, accuracy_of_answered))


def test_says_what_is_wrong():
    with pytest.raises(UsageError, match="`replicates` to be at least 1"):
        paired_permutation([0], [0], [0], 1, accuracy, replicates=0)


def test_chunks_add_up(monkeypatch):
    rng = np.random.default_rng(3)
    gold = rng.integers(0, 3, 60)
    a, b = (np.where(rng.random(60) < skill, gold, rng.integers(0, 3, 60)) for skill in (0.6, 0.5))
    whole = paired_permutation(gold, a, b, 3, macro_f1, replicates=5_000)
    monkeypatch.setattr("harness.statistics.resampling._CHUNK", 48 * 700)
    assert paired_permutation(gold, a, b, 3, macro_f1, replicates=5_000) == pytest.approx(whole, abs=0.035)
