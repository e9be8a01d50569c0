import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.errors import UsageError
from harness.metrics import (
    accuracy,
    calibration_error_of_sums,
    confusion_table,
    expected_calibration_error,
    macro_f1,
    recall_per_class,
    reliability_sums,
)
from harness.statistics import (
    bootstrap,
    bootstrap_sums,
    metric_interval,
    metric_intervals,
    pair_cells,
    pair_tables,
    paired_difference,
    single_cells,
)

Answers = tuple[np.ndarray, np.ndarray, np.ndarray]


def two_systems(n: int, seed: int, num_labels: int = 4) -> Answers:
    """Gold labels and two systems that tend to be right on the same samples; some answers are invalid."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, num_labels, n)
    hard = rng.random(n)
    answers = [
        np.where(hard + rng.normal(0, 0.2, n) < skill, gold, rng.integers(-1, num_labels, n))
        for skill in (0.65, 0.6)
    ]
    return gold, answers[0], answers[1]


class Recorder:
    """A metric that keeps every value it gives, to compare whole distributions."""

    def __init__(self, statistic):
        self.statistic, self.values = statistic, []

    def __call__(self, tables):
        self.values.append(self.statistic(tables))
        return self.values[-1]

    @property
    def replicates(self) -> np.ndarray:
        return np.concatenate(self.values[1:])  # the first is the observed value


def naive_differences(
    answers: Answers, groups: np.ndarray, replicates: int, num_labels: int = 4
) -> np.ndarray:
    """The textbook loop: draw groups with replacement, gather their samples, compute the metric twice."""
    gold, a, b = answers
    rng = np.random.default_rng(99)
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    differences = []
    for _ in range(replicates):
        drawn = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        tables = [confusion_table(gold[drawn], system[drawn], num_labels) for system in (a, b)]
        differences.append(macro_f1(tables[0]) - macro_f1(tables[1]))
    return np.array(differences)


GROUPINGS = {
    "each alone": lambda n, rng: np.arange(n),
    "some copies": lambda n, rng: np.where(rng.random(n) < 0.3, rng.integers(0, n, n), np.arange(n)),
    "few subjects": lambda n, rng: rng.choice(12, n, p=np.arange(1, 13) / 78),
}


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_equals_a_naive_loop_in_distribution(grouping):
    answers = two_systems(150, seed=3)
    groups = GROUPINGS[grouping](150, np.random.default_rng(0))

    def difference(cells):
        of_a, of_b = pair_tables(cells, 4)
        return macro_f1(of_a) - macro_f1(of_b)

    recorder = Recorder(difference)
    estimate = bootstrap(pair_cells(*answers, 4), 100, recorder, groups=groups)
    naive = naive_differences(answers, groups, 3_000)
    assert stats.ks_2samp(recorder.replicates, naive).pvalue > 0.01
    low, high = np.quantile(recorder.replicates, [0.025, 0.975])
    assert (estimate.low, estimate.high) == (low, high)
    assert estimate == paired_difference(*answers, 4, macro_f1, groups=groups)


def test_value_is_that_of_the_sample():
    gold, a, b = two_systems(200, seed=4)
    of_a, of_b = (float(macro_f1(confusion_table(gold, system, 4))) for system in (a, b))
    assert metric_interval(gold, a, 4, macro_f1, replicates=10).value == pytest.approx(of_a)
    assert paired_difference(gold, a, b, 4, macro_f1, replicates=10).value == pytest.approx(of_a - of_b)


def test_a_system_does_not_differ_from_itself():
    gold, a, _ = two_systems(100, seed=5)
    estimate = paired_difference(gold, a, a, 4, macro_f1)
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 0)


@pytest.mark.parametrize("size", [1, 5])
def test_intervals_cover_the_truth(size):
    """Nominal 95 % for accuracy differences, with and without groups that answer alike."""
    rng = np.random.default_rng(6)
    shares = [0.6, 0.2, 0.12, 0.08]  # both right, A alone, B alone, neither
    covered = 0
    for repeat in range(200):
        kinds = np.repeat(rng.choice(4, 400 // size if size > 1 else 300, p=shares), size)
        gold, a, b = np.zeros(len(kinds), int), kinds // 2, kinds % 2
        groups = np.arange(len(kinds)) // size
        estimate = paired_difference(gold, a, b, 2, accuracy, groups=groups, replicates=500, seed=repeat)
        covered += estimate.low <= shares[1] - shares[2] <= estimate.high
    assert 0.91 <= covered / 200 <= 0.985


def test_copies_add_no_certainty_when_grouped():
    gold, a, b = two_systems(120, seed=7)
    once = paired_difference(gold, a, b, 4, macro_f1)
    copies = [np.tile(array, 3) for array in (gold, a, b)]
    assert paired_difference(*copies, 4, macro_f1, groups=np.tile(np.arange(120), 3)) == once
    ungrouped = paired_difference(*copies, 4, macro_f1)
    assert ungrouped.high - ungrouped.low < 0.7 * (once.high - once.low)


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(40)), st.integers(0, 3))
def test_neither_order_of_samples_nor_names_of_groups_matter(order, seed):
    gold, a, b = two_systems(40, seed=8)
    groups = np.arange(40) // 3
    shuffled = (array[list(order)] for array in (gold, a, b))
    names = [f"clip {groups[i]}" for i in order]
    options = {"replicates": 200, "seed": seed}
    expected = paired_difference(gold, a, b, 4, macro_f1, groups=groups, **options)
    assert paired_difference(*shuffled, 4, macro_f1, groups=names, **options) == expected


def test_seeds_repeat_and_differ():
    answers = two_systems(100, seed=9)
    first, again, other = (paired_difference(*answers, 4, macro_f1, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert first.low == pytest.approx(other.low, abs=0.01)


def test_metrics_together_equal_metrics_alone():
    gold, a, _ = two_systems(100, seed=10)
    together = metric_intervals(gold, a, 4, {"acc": accuracy, "f1": macro_f1})
    assert together == {
        "acc": metric_interval(gold, a, 4, accuracy),
        "f1": metric_interval(gold, a, 4, macro_f1),
    }


def test_a_label_that_nobody_uses_changes_nothing():
    gold, a, b = two_systems(100, seed=11)
    wide, narrow = (paired_difference(gold, a, b, k, macro_f1, replicates=1_000) for k in (9, 4))
    assert (wide.value, wide.low, wide.high) == pytest.approx((narrow.value, narrow.low, narrow.high))


def test_undefined_replicates_are_left_out():
    gold = [0] * 30 + [1]  # a third of the resamples miss the only sample of class 1
    estimate = metric_interval(gold, gold, 3, lambda tables: recall_per_class(tables)[..., 1])
    assert (estimate.value, estimate.low, estimate.high) == (1, 1, 1)
    absent = metric_interval(gold, gold, 3, lambda tables: recall_per_class(tables)[..., 2])
    assert np.isnan([absent.value, absent.low, absent.high]).all()


def test_large_label_spaces_stay_in_bounds():
    gold, a, b = two_systems(300, seed=12, num_labels=26)
    estimate = paired_difference(gold, a, b, 26, accuracy, replicates=500)
    assert estimate.low < estimate.value < estimate.high


def test_sums_bootstrap_means():
    values = np.random.default_rng(13).exponential(size=400)
    rows = np.stack([values, np.ones(400)], axis=1)
    estimate = bootstrap_sums(rows, lambda sums: sums[:, 0] / sums[:, 1])
    half = 1.96 * values.std() / 20
    assert estimate.value == pytest.approx(values.mean())
    assert (estimate.low, estimate.high) == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=0.02
    )


def test_sums_and_cells_agree_on_grouped_accuracy():
    gold, a, _ = two_systems(200, seed=14)
    groups = np.random.default_rng(0).integers(0, 60, 200)
    rows = np.stack([a == gold, np.ones(200)], axis=1).astype(float)
    of_cells, of_sums = Recorder(accuracy), Recorder(lambda sums: sums[:, 0] / sums[:, 1])
    metric_interval(gold, a, 4, of_cells, groups=groups)
    bootstrap_sums(rows, of_sums, groups=groups, replicates=3_000)
    assert stats.ks_2samp(of_cells.replicates, of_sums.replicates).pvalue > 0.01


def test_calibration_error_has_an_interval():
    rng = np.random.default_rng(15)
    probabilities, gold = rng.dirichlet(np.ones(4), 300), rng.integers(0, 4, 300)
    probabilities[:20] = np.nan
    estimate = bootstrap_sums(reliability_sums(probabilities, gold), calibration_error_of_sums)
    assert estimate.value == pytest.approx(expected_calibration_error(probabilities, gold))
    assert 0 < estimate.low < estimate.high < 1


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 2)] + [st.integers(-1, 2)] * 2), min_size=1))
def test_cells_hold_the_confusion_tables(samples):
    gold, a, b = np.array(samples).T
    joint = np.bincount(pair_cells(gold, a, b, 3), minlength=48)
    for table, system in zip(pair_tables(joint, 3), (a, b), strict=True):
        expected = confusion_table(gold, system, 3)
        np.testing.assert_array_equal(table, expected)
        cells = np.bincount(single_cells(gold, system, 3), minlength=12)
        np.testing.assert_array_equal(cells.reshape(3, 4), expected)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"alpha": 0.0}, "`alpha` to be larger than 0"),
        ({"replicates": 0}, "`replicates` to be at least 1"),
        ({"groups": ["one"]}, "one group per sample"),
    ],
)
def test_says_which_option_is_wrong(options, cause):
    with pytest.raises(UsageError, match=cause):
        metric_interval([0, 1], [0, 1], 2, accuracy, **options)


@pytest.mark.parametrize(
    ("a", "cause"),
    [([0], "shapes"), ([0, 2], "from -1 to 1"), ([0, -2], "from -1 to 1"), ([0.5, 1], "float64")],
)
def test_says_which_answers_are_wrong(a, cause):
    with pytest.raises(UsageError, match=cause):
        paired_difference([0, 1], a, [0, 1], 2, accuracy)


def test_no_samples_is_an_error():
    empty = np.array([], int)
    with pytest.raises(UsageError, match="at least one sample"):
        paired_difference(empty, empty, empty, 2, accuracy)
