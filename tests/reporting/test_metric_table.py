import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle
from statsmodels.stats.proportion import proportion_confint

from harness.errors import UsageError
from harness.labels import LabelSpace
from harness.metrics import expected_calibration_error
from harness.predictions.cell import Cell
from harness.predictions.table import Predictions
from harness.reporting.metric_table import (
    COLUMNS,
    Figure,
    Measures,
    figures,
    markdown_table,
    metric_table,
)
from harness.store.results import Results
from harness.tasks import Choice

SPACE = LabelSpace("abc", ("a", "b", "c|d"), ("x", "y", "z"))


def predictions_of(
    gold: list[int], answers: list[int], groups: list[str] | None = None, scores: np.ndarray | None = None
) -> Predictions:
    labels = np.array([*SPACE.labels, None], object)
    table = pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(len(gold))],
            "group": groups or [f"g{i}" for i in range(len(gold))],
            "gold": labels[gold],
            "outcome": np.where(np.array(answers) < 0, "refusal", "parsed"),
            "label": labels[answers],
        }
    )
    for k, label in enumerate(SPACE.labels if scores is not None else ()):
        table[f"score_{label}"] = scores[:, k]
    return Predictions(Cell("m", "d", "s"), Choice(SPACE), table)


def table_of(*args: object, **options: object) -> dict[tuple[str, str | None], Figure]:
    return figures(metric_table(predictions_of(*args), **{"replicates": 200, **options}))


def draw(n: int, seed: int = 0, wrong: float = 0.3) -> tuple[list[int], list[int]]:
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 3, n)
    answers = np.where(rng.random(n) < wrong, rng.integers(-1, 3, n), gold)
    return gold.tolist(), answers.tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_values_equal_scikit_learn(seed: int) -> None:
    gold, answers = draw(60, seed)
    found = table_of(gold, answers)
    assert found["accuracy", None].value == pytest.approx(oracle.accuracy_score(gold, answers))
    labels = {"labels": [0, 1, 2], "zero_division": 0}
    for average in ("macro", "weighted"):
        precision, recall, f1, _ = oracle.precision_recall_fscore_support(
            gold, answers, average=average, **labels
        )
        for metric, expected in (("precision", precision), ("recall", recall), ("f1", f1)):
            assert found[f"{average}_{metric}", None].value == pytest.approx(expected)
    per_class = oracle.precision_recall_fscore_support(gold, answers, **labels)
    for metric, expected in zip(("precision", "recall", "f1"), per_class, strict=False):
        assert [found[metric, label].value for label in SPACE.labels] == pytest.approx(expected)


def test_score_metrics_equal_their_oracles() -> None:
    rng = np.random.default_rng(3)
    gold = rng.integers(0, 3, 300).tolist()
    scores = rng.dirichlet(np.ones(3), 300)
    found = table_of(gold, scores.argmax(axis=1).tolist(), None, scores)
    assert found["brier", None].value == pytest.approx(
        oracle.brier_score_loss(gold, scores, scale_by_half=False)
    )
    assert found["top_2_accuracy", None].value == pytest.approx(
        oracle.top_k_accuracy_score(gold, scores, k=2)
    )
    assert found["ece", None].value == pytest.approx(expected_calibration_error(scores, gold))


def test_rates_of_independent_samples_have_wilson_intervals() -> None:
    gold, answers = draw(200)
    found = table_of(gold, answers)
    right = sum(g == a for g, a in zip(gold, answers, strict=True))
    answered = sum(a >= 0 for a in answers)
    of_b = [a for g, a in zip(gold, answers, strict=True) if g == 1]
    for name, hits, n in (
        (("accuracy", None), right, 200),
        (("coverage", None), answered, 200),
        (("accuracy_of_answered", None), right, answered),
        (("recall", "b"), of_b.count(1), len(of_b)),
    ):
        figure = found[name]
        assert (figure.low, figure.high) == pytest.approx(proportion_confint(hits, n, method="wilson"))
        assert (figure.n, figure.method) == (n, "Wilson")


def test_copies_in_a_group_add_no_certainty() -> None:
    gold, answers = draw(400)
    groups = [f"g{i}" for i in range(400)]
    once = table_of(gold, answers, replicates=4_000)
    twice = table_of(gold * 2, answers * 2, groups * 2, replicates=4_000)
    for metric in ("accuracy", "macro_f1", "balanced_accuracy"):
        alone, copied = once[metric, None], twice[metric, None]
        assert copied.value == pytest.approx(alone.value)
        assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.08)
        assert copied.method == "bootstrap of 400 groups"


def test_a_rate_of_one_over_groups_still_has_an_interval() -> None:
    gold = [0, 1, 2] * 20
    groups = [f"g{i // 2}" for i in range(60)]
    found = table_of(gold, gold, groups)
    low, _ = proportion_confint(30, 30, method="wilson")
    assert found["accuracy", None].low == pytest.approx(low)
    assert found["accuracy", None].method == "Wilson on 30 groups"
    assert found["macro_f1", None] == Figure(1.0, None, None, 60, "none: all resamples agree")


def test_a_class_without_samples_has_no_recall() -> None:
    found = table_of([0, 0, 1, 1], [0, 1, 1, 0])
    assert found["recall", "c|d"] == Figure(None, None, None, 0, "none: no sample")
    assert found["balanced_accuracy", None].value == 0.5


def test_accuracy_of_answered_stands_only_beside_a_coverage_below_one() -> None:
    assert ("accuracy_of_answered", None) not in table_of([0, 1, 2], [0, 1, 1])
    assert table_of([0, 1, 2, 0], [0, -1, 1, 0])["accuracy_of_answered", None].value == pytest.approx(2 / 3)


def test_scores_that_are_no_probabilities_only_rank() -> None:
    gold, answers = draw(50)
    logits = np.random.default_rng(0).normal(0, 5, (50, 3))
    found = table_of(gold, answers, None, logits)
    assert ("top_2_accuracy", None) in found
    assert not {("ece", None), ("brier", None)} & set(found)


def test_samples_without_scores_are_wrong_in_top_2_and_left_out_of_calibration() -> None:
    scores = np.array([[0.7, 0.2, 0.1], [np.nan] * 3, [0.1, 0.2, 0.7], [0.4, 0.3, 0.3]])
    found = table_of([0, 0, 0, 0], [0, -1, 2, 0], None, scores)
    assert (found["top_2_accuracy", None].value, found["top_2_accuracy", None].n) == (0.5, 4)
    assert found["brier", None].n == found["ece", None].n == 3


@pytest.mark.parametrize(("sharpening", "calibrated"), [(1.0, True), (2.0, False)])
def test_the_calibration_interval_tells_calibrated_from_not(sharpening: float, calibrated: bool) -> None:
    rng = np.random.default_rng(1)
    truth = rng.dirichlet(np.ones(3), 2_000)
    gold = (truth.cumsum(axis=1) > rng.random((2_000, 1))).argmax(axis=1)
    scores = truth**sharpening / (truth**sharpening).sum(axis=1, keepdims=True)
    figure = table_of(gold.tolist(), scores.argmax(axis=1).tolist(), None, scores)["ece", None]
    assert (figure.low == 0) is calibrated
    assert figure.low <= figure.value <= figure.high


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_intervals_are_in_order_and_in_range(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 40))
    gold = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    answers = data.draw(st.lists(st.integers(-1, 2), min_size=n, max_size=n))
    groups = [f"g{g}" for g in data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n))]
    for figure in table_of(gold, answers, groups).values():
        if figure.low is not None:
            assert 0 <= figure.low <= figure.high <= 1


def test_the_seed_fixes_the_table() -> None:
    predictions = predictions_of(*draw(150))
    first, again, other = (metric_table(predictions, seed=seed, replicates=300) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["low"].equals(other["low"])
    assert list(first.columns) == COLUMNS
    assert first["label"].iloc[0] is None


def test_no_samples_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        metric_table(predictions_of([], []))


def test_markdown_rounds_to_what_n_supports_and_escapes_labels() -> None:
    gold, answers = draw(3_000)
    lines = markdown_table(metric_table(predictions_of(gold, answers), replicates=200)).splitlines()
    assert lines[0] == "| metric | label | value | low | high | n | method |"
    accuracy = [cell.strip() for cell in lines[2].split("|")]
    assert accuracy[1:7:2] == ["accuracy", f"{np.mean(np.equal(gold, answers)):.3f}", accuracy[5]]
    assert accuracy[6] == "3,000"
    assert sum(r"c\|d" in line for line in lines) == 3


@pytest.mark.parametrize("scored", [False, True])
def test_a_remembered_table_is_the_table(tmp_path, monkeypatch, scored):
    rng = np.random.default_rng(0)
    gold, answers = rng.integers(0, 3, 60).tolist(), rng.integers(-1, 3, 60).tolist()
    scores = rng.dirichlet(np.ones(3), 60) if scored else None
    predictions = predictions_of(gold, answers, [f"g{i // 2}" for i in range(60)], scores)
    table = metric_table(predictions, replicates=200)
    for _ in range(2):  # the second time in another process, as far as it can tell
        found = Measures(Results(tmp_path))(predictions, replicates=200)
        pd.testing.assert_frame_equal(found, table, check_exact=True)
        monkeypatch.setattr("harness.reporting.metric_table.metric_table", None)
    others = [{"replicates": 300}, {"replicates": 200, "alpha": 0.1}, {"replicates": 200, "seed": 1}]
    for other in others:
        with pytest.raises(TypeError):  # it would be computed
            Measures(Results(tmp_path))(predictions, **other)
