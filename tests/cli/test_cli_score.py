"""`harness score`: anyone's predictions CSV, measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from command import NO_TORCH, metrics, process
from tiny_suite import LABELS, SUITE, sample_id, write_answers, write_suite


def test_works_without_a_suite(harness, tmp_path):
    """Anyone's predictions: a dataset of the library, or one the suite describes."""
    write_answers(tmp_path / "a.csv", "test", range(9), every=2)
    error = harness("score", "a.csv", "--dataset", "fer2013:private").error
    assert "fer2013 is not here: looked for" in error
    error = harness("score", "a.csv", "--dataset", "rafdb:test").error
    assert "names the unknown adapter 'rafdb'" in error


def test_every_metric_has_an_interval_and_the_value_of_scikit_learn(harness, suite, tmp_path):
    from sklearn import metrics as oracle

    rng = np.random.default_rng(5)
    scores = rng.dirichlet([1, 1, 1], 90)
    scores[np.arange(90), np.arange(90) % 3] += 0.4
    scores /= scores.sum(1, keepdims=True)
    gold, answers = np.arange(90) % 3, scores.argmax(1)
    table = pd.DataFrame({"sample_id": [sample_id("test", i) for i in range(90)]})
    table["label"] = [LABELS[answer] for answer in answers]
    for column, label in enumerate(LABELS):
        table[f"score_{label}"] = scores[:, column]
    table.sample(frac=1, random_state=1).to_csv(tmp_path / "a.csv", index=False)
    found = metrics(harness("score", "a.csv", "--dataset", "tiny:test", "--json").json)

    average = {"labels": [0, 1, 2], "zero_division": 0}
    expected = {
        "accuracy": oracle.accuracy_score(gold, answers),
        "balanced_accuracy": oracle.balanced_accuracy_score(gold, answers),
        "macro_precision": oracle.precision_score(gold, answers, average="macro", **average),
        "macro_f1": oracle.f1_score(gold, answers, average="macro", **average),
        "weighted_f1": oracle.f1_score(gold, answers, average="weighted", **average),
        "top_2_accuracy": oracle.top_k_accuracy_score(gold, scores, k=2),
        "brier": ((np.eye(3)[gold] - scores) ** 2).sum(1).mean(),
        "coverage": 1.0,
    }
    for metric, value in expected.items():
        assert found[metric, None]["value"] == pytest.approx(value, abs=1e-6), metric
    for k, label in enumerate(LABELS):
        recall = oracle.recall_score(gold, answers, average=None, **average)[k]
        assert found["recall", label]["value"] == pytest.approx(recall)
    assert ("ece", None) in found
    for row in found.values():
        assert row["low"] <= row["value"] <= row["high"], row
        assert row["method"]


def test_a_limit_scores_a_stratified_part(harness, suite, tmp_path):
    write_answers(tmp_path / "a.csv", "test", range(90), every=100)
    shown = harness("score", "a.csv", "--dataset", "tiny:test", "--limit", "12", "--json").json
    assert shown["n"] == 12
    assert {metrics(shown)["recall", label]["n"] for label in LABELS} == {4}


def test_missing_rows_and_foreign_labels_count_as_wrong(harness, suite, tmp_path):
    write_answers(tmp_path / "a.csv", "test", range(60), every=100)
    text = (tmp_path / "a.csv").read_text().replace(",sad", ",melancholy")
    (tmp_path / "a.csv").write_text(text)
    found = metrics(harness("score", "a.csv", "--dataset", "tiny:test", "--json").json)
    # 0 is the one mistake; 20 of the 60 rows say melancholy; 30 samples have no row.
    assert found["accuracy", None]["value"] == pytest.approx(39 / 90)
    assert found["coverage", None]["value"] == pytest.approx(40 / 90)
    assert found["accuracy_of_answered", None]["value"] == pytest.approx(39 / 40)
    assert found["recall", "sad"]["value"] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "a.csv is not a file. Name a CSV"),
        ("sample_id,answer\n0,happy\n", "has no column label"),
        ("sample_id,label\n0,happy\n", "whose ids look like test/angry/000.png"),
        ("sample_id,label\n0,happy\n0,sad\n", "answers 0 twice"),
    ],
)
def test_a_file_that_cannot_be_scored_is_one_line(harness, suite, tmp_path, text, message):
    if text is not None:
        (tmp_path / "a.csv").write_text(text)
    assert message in harness("score", "a.csv", "--dataset", "tiny:test", "--json").error


def test_numbers_for_labels_take_their_order_from_the_user_alone(harness, suite, tmp_path):
    write_answers(tmp_path / "a.csv", "test", range(90), every=2)
    named = harness("score", "a.csv", "--dataset", "tiny:test", "--json").json
    for first, order in ((0, ",".join(LABELS)), (1, "1=angry, 2=happy, 3=sad")):
        table = pd.read_csv(tmp_path / "a.csv")
        table["label"] = [LABELS.index(label) + first for label in table["label"]]
        table.to_csv(tmp_path / "b.csv", index=False)
        options = ("score", "b.csv", "--dataset", "tiny:test", "--json")
        assert "Say what the numbers stand for" in harness(*options).error
        assert harness(*options, "--labels", order).json == named
    assert "Expected --labels to be" in harness(*options, "--labels", "1=,2=happy").error


def test_what_does_not_fit_is_said_under_the_table(harness, suite, tmp_path):
    write_answers(tmp_path / "a.csv", "test", range(60), every=100)
    text = (tmp_path / "a.csv").read_text().replace(",sad", ",melancholy")
    (tmp_path / "a.csv").write_text(text)
    said = [
        "a.csv: 30 of 90 samples have no row and are failed, such as test/angry/060.png",
        "a.csv: 20 of 60 labels are none of tiny:test and count as wrong: 'melancholy' (20)",
    ]
    assert harness("score", "a.csv", "--dataset", "tiny:test", "--json").json["problems"] == said
    shown = harness("score", "a.csv", "--dataset", "tiny:test").out.splitlines()
    assert [line for line in shown if line.startswith("problem: ")] == [f"problem: {line}" for line in said]


def test_a_limit_takes_the_samples_that_predict_takes(harness, suite, tmp_path):
    suite.write_text(f"seed = 7\n{SUITE}")
    options = ("--dataset", "tiny:test", "--limit", "12", "--json")
    shown = harness("predict", "good", *options, "--out", "p.csv").json
    scored = harness("score", "p.csv", *options).json
    assert scored == {name: shown[name] for name in scored}


def test_as_a_process_it_prints_json_and_imports_nothing_heavy(tmp_path):
    write_suite(tmp_path)
    arguments = ("--dataset", "tiny:test", "--suite", "suite.toml")
    done = process(tmp_path, "score", "outside.csv", *arguments, "--json", then=NO_TORCH)
    assert metrics(done.json)["accuracy", None]["value"] == 0.5
    assert "is not a file" in process(tmp_path, "score", "none.csv", *arguments, "--json").error


def test_on_the_real_privatetest_it_agrees_with_scikit_learn(harness, data_root, tmp_path):
    from sklearn import metrics as oracle

    from harness.datasets import load_dataset

    dataset = load_dataset({"adapter": "fer2013"}, "fer2013", "private", data_root)
    labels = dataset.space.labels
    answers = (dataset.gold + (np.random.default_rng(0).random(len(dataset)) < 0.4)) % 7
    table = pd.DataFrame({"sample_id": [sample.id for sample in dataset.samples]})
    table["label"] = [labels[answer] for answer in answers]
    table.to_csv(tmp_path / "a.csv", index=False)
    shown = harness("score", "a.csv", "--dataset", "fer2013:private", "--data-root", data_root, "--json")
    found = metrics(shown.json)
    assert shown.json["n"] == 3589
    report = oracle.classification_report(
        dataset.gold, answers, target_names=labels, output_dict=True, zero_division=0
    )
    assert found["accuracy", None]["value"] == pytest.approx(report["accuracy"])
    assert found["macro_f1", None]["value"] == pytest.approx(report["macro avg"]["f1-score"])
    assert found["weighted_f1", None]["value"] == pytest.approx(report["weighted avg"]["f1-score"])
    for label in labels:
        for metric, theirs in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert found[metric, label]["value"] == pytest.approx(report[label][theirs])
    assert all(row["low"] <= row["value"] <= row["high"] for row in found.values())
