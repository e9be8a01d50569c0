"""The `harness` command as its users meet it: verbs, JSON, one-line errors, exit status."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import NO_TORCH, metrics, process, start
from shapes import LABELS as SHAPES
from shapes import shape
from tiny_suite import LABELS, NO_CLIP, SUITE, Reader, sample_id, write_answers, write_plugin, write_suite

from harness.cli.train import suite_entry
from harness.models import Context
from harness.suite import Suite


class TestDoctor:
    def test_lists_what_runs_and_what_does_not_with_the_fix(self, harness, suite):
        suite.write_text(SUITE + NO_CLIP)
        findings = {finding["what"]: finding for finding in harness("doctor", "--json").json["findings"]}
        assert findings["dataset tiny:test"] == {
            "what": "dataset tiny:test",
            "ok": True,
            "state": "90 samples",
        }
        assert findings["model good"]["ok"]
        assert not findings["model clip"]["ok"]
        assert "absent.safetensors" in findings["model clip"]["state"]
        assert findings["restoration none"]["ok"]
        assert findings["store"]["ok"]

    def test_broken_pieces_are_findings_and_not_errors(self, harness, suite, tmp_path):
        (tmp_path / "evals" / "outside.csv").write_text("id,answer\n")
        (tmp_path / "evals" / "net.safetensors").write_bytes(b"")
        (tmp_path / "data" / "tiny" / "test" / "joy").mkdir()
        (tmp_path / "data" / "tiny" / "test" / "bored").mkdir()
        (tmp_path / "data" / "tiny" / "test" / "bored" / "1.png").write_bytes(b"x")
        wider = SUITE.replace('["tiny:test"]', '["tiny:test", "tiny:new"]\nrestorations = ["gfpgan"]')
        suite.write_text(f"{wider}[models.net]\nadapter = 'timm'\ncheckpoint = 'net.safetensors'\n")
        shown = harness("doctor", "--data-root", tmp_path / "data", "--store", tmp_path / "evals/outside.csv")
        assert shown.status == 0
        findings = {f["what"]: f for f in harness("doctor", "--json", "--store", suite).json["findings"]}
        for what, state in {
            "model outside": "has no column label and sample_id",
            "model net": "has no card",
            "dataset tiny:new": "Unknown split tiny:new",
            "restoration gfpgan": "has no entry in the suite",
            "store": "cannot be written",
        }.items():
            assert not findings[what]["ok"]
            assert state in findings[what]["state"]
        assert "1 problems: test/bored/1.png: unknown label 'bored'" in findings["dataset tiny:test"]["state"]

    def test_shows_a_table_to_people(self, harness, suite):
        shown = harness("doctor")
        assert shown.status == 0
        assert "ok  dataset tiny:test" in shown.out

    def test_as_a_process_it_imports_nothing_heavy(self, tmp_path):
        text = re.sub(r"\nevery = \d+", "", SUITE.replace("reader", "what_the_face"))
        suite = write_suite(tmp_path, text)
        done = process(tmp_path, "doctor", "--suite", suite, "--json", then=NO_TORCH)
        assert {"dataset tiny:test", "model good"} <= {finding["what"] for finding in done.json["findings"]}


class TestPredict:
    @pytest.mark.parametrize("below", ["", "below/it"])
    def test_a_store_that_is_a_file_is_one_line(self, harness, suite, tmp_path, below):
        (tmp_path / "taken").write_text("a file")
        store = tmp_path / "taken" / below
        error = harness("predict", "good", "--dataset", "tiny:test", "--store", store).error
        assert f"The store {store} cannot be written (" in error
        assert "name another folder with --store" in error

    def test_shows_every_metric_and_keeps_the_answers(self, harness, suite, tmp_path):
        shown = harness("predict", "good", "--dataset", "tiny:test", "--json").json
        assert (shown["dataset"], shown["n"]) == ("tiny:test", 90)
        assert metrics(shown)["accuracy", None]["value"] == pytest.approx(0.9)
        assert list((tmp_path / "store").rglob("*.parquet"))
        again = harness("predict", "good", "--dataset", "tiny:test", "--json")
        assert again.json == shown
        assert Reader.loads == {"10": 1}

    def test_the_model_sees_restored_pixels(self, harness, suite):
        options = ("good", "--dataset", "tiny:test")
        shown = harness("predict", *options, "--restoration", "bicubic", "--json").json
        # It reads its answer off a pixel that resizing blends with its neighbours.
        assert metrics(shown)["accuracy", None]["value"] < 0.9
        unknown = harness("predict", *options, "--restoration", "magic")
        assert "Restoration magic has no entry in the suite" in unknown.error

    @pytest.mark.parametrize("out", ["evals", "evals/suite.toml/p.csv"])
    def test_a_csv_that_cannot_be_written_is_said_before_anything_is_answered(self, harness, suite, out):
        error = harness("predict", "good", "--dataset", "tiny:test", "--out", out).error
        assert f"{out} cannot be written" in error
        assert Reader.loads == {}

    def test_a_network_with_labels_of_another_space_is_refused_and_a_foreign_answer_counted(
        self, harness, suite
    ):
        def network(labels):
            suite.write_text(f"{SUITE}[models.net]\nadapter = 'reader'\nlabels = {labels}\n")
            return harness("predict", "net", "--dataset", "tiny:test", "--json")

        error = network(["0", "1", "2"]).error
        assert "net answers 0, 1, 2, of which none is a label of tiny:test: angry, happy, sad." in error
        found = network(["angry", "happy", "contempt"]).json
        said = "net: answers that are no labels of tiny:test count as wrong: 'contempt' (30)"
        assert found["problems"] == [said]
        assert metrics(found)["accuracy", None]["value"] == pytest.approx(2 / 3)

    def test_says_that_the_answers_are_those_of_the_card(self, harness, suite):
        """And the doctor says what it will be held against, before anything is asked."""
        card = "[models.carded]\nadapter = 'reader'\nevery = 10\ncorrect = { 'tiny:test' = [80, 90] }\n"
        suite.write_text(SUITE + card)
        findings = {found["what"]: found for found in harness("doctor", "--json").json["findings"]}
        said = "classifier; its card records, to be checked, 80 of 90 on tiny:test"
        assert findings["model carded"]["state"] == said
        assert findings["model good"]["state"] == "classifier"
        said = "answers as its card records: 81 of 90 right; recorded: 80"
        options = ("--dataset", "tiny:test")
        assert harness("predict", "carded", *options, "--json").json["card"] == said
        assert f"\ncarded {said}\n" in harness("predict", "carded", *options).out
        assert "card" not in harness("predict", "good", *options, "--json").json
        assert "card" not in harness("predict", "carded", *options, "--limit", "30", "--json").json

    def test_writes_a_csv_that_scores_the_same(self, harness, suite, tmp_path):
        shown = harness("predict", "good", "--dataset", "tiny:test", "--json", "--out", tmp_path / "x/p.csv")
        scored = harness("score", "x/p.csv", "--dataset", "tiny:test", "--json")
        assert scored.json == {name: shown.json[name] for name in scored.json}

    def test_shows_a_table_to_people(self, harness, suite):
        shown = harness("predict", "good", "--dataset", "tiny:test", "--limit", "30", "--batch-size", "7")
        assert shown.out.startswith("good on tiny:test, n = 30\n")
        assert "| accuracy |" in shown.out

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                ["best", "--dataset", "tiny:test"],
                "Model best is not in evals/suite.toml. Use one of good, mid",
            ),
            (["good", "--dataset", "huge:test"], "Dataset huge is not in evals/suite.toml. Use one of tiny"),
            (["god", "--dataset", "tiny:test"], "Nearest: good."),
            (["good", "--dataset", "tiny:test", "--prompt", "plian"], "Nearest: plain."),
            (["good", "--dataset", "tiny"], "--dataset to be dataset:split, but got tiny. Write e.g. tiny:"),
            (["good", "--dataset", "tiny:dev"], "Unknown split tiny:dev. Use one of: test, train"),
            (["good", "--dataset", "tiny:test", "--limit", "0"], "--limit to be at least 1"),
            (
                ["good", "--dataset", "tiny:test", "--data-root", "none"],
                "/none/tiny and tiny.zip. Put it there",
            ),
            (["good", "--dataset", "tiny:test", "--suite", "none.toml"], "none.toml cannot be read"),
            (
                ["good", "--dataset", "tiny:test", "--store", "evals/suite.toml"],
                "evals/suite.toml cannot be w",
            ),
            (["good", "--dataset", "tiny:test", "--out", "evals"], "evals cannot be written"),
        ],
    )
    def test_errors_are_one_line_with_the_fix_and_status_2(self, harness, suite, arguments, message):
        assert message in harness("predict", *arguments).error

    @pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
    def test_a_stopped_run_keeps_its_batches_and_goes_on_from_there(self, harness, suite, tmp_path, how):
        whole = harness("predict", "good", "--dataset", "tiny:test", "--json", "--store", "other").json
        write_plugin(tmp_path)
        stalling = SUITE.replace('"reader"\nevery = 10', '"stalling"\nevery = 10')
        (tmp_path / "evals" / "stalling.toml").write_text(stalling)
        options = ("predict", "good", "--dataset", "tiny:test", "--batch-size", "16")
        running = start(tmp_path, *options, "--suite", "evals/stalling.toml")
        try:
            deadline = time.monotonic() + 60
            while len(list((tmp_path / "store").rglob("*.parquet"))) < 3:
                assert running.poll() is None, running.communicate()
                assert time.monotonic() < deadline, "three batches were never stored"
                time.sleep(0.02)
            running.send_signal(how)
            assert running.wait(timeout=60) == 130
        finally:
            running.kill()
            running.communicate()

        Reader.images.clear()
        assert harness(*options, "--json").json == whole
        assert Reader.images == {"10": 90 - 3 * 16}

    def test_without_a_model_it_says_how_it_is_used(self, harness, suite):
        shown = harness("predict", "--dataset", "tiny:test")
        assert shown.status == 2
        assert "Missing argument" in shown.err


class TestScore:
    def test_works_without_a_suite(self, harness, tmp_path):
        """Anyone's predictions: a dataset of the library, or one the suite describes."""
        write_answers(tmp_path / "a.csv", "test", range(9), every=2)
        error = harness("score", "a.csv", "--dataset", "fer2013:private").error
        assert "fer2013 is not here: looked for" in error
        error = harness("score", "a.csv", "--dataset", "rafdb:test").error
        assert "names the unknown adapter 'rafdb'" in error

    def test_every_metric_has_an_interval_and_the_value_of_scikit_learn(self, harness, suite, tmp_path):
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

    def test_a_limit_scores_a_stratified_part(self, harness, suite, tmp_path):
        write_answers(tmp_path / "a.csv", "test", range(90), every=100)
        shown = harness("score", "a.csv", "--dataset", "tiny:test", "--limit", "12", "--json").json
        assert shown["n"] == 12
        assert {metrics(shown)["recall", label]["n"] for label in LABELS} == {4}

    def test_missing_rows_and_foreign_labels_count_as_wrong(self, harness, suite, tmp_path):
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
    def test_a_file_that_cannot_be_scored_is_one_line(self, harness, suite, tmp_path, text, message):
        if text is not None:
            (tmp_path / "a.csv").write_text(text)
        assert message in harness("score", "a.csv", "--dataset", "tiny:test", "--json").error

    def test_numbers_for_labels_take_their_order_from_the_user_alone(self, harness, suite, tmp_path):
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

    def test_what_does_not_fit_is_said_under_the_table(self, harness, suite, tmp_path):
        write_answers(tmp_path / "a.csv", "test", range(60), every=100)
        text = (tmp_path / "a.csv").read_text().replace(",sad", ",melancholy")
        (tmp_path / "a.csv").write_text(text)
        said = [
            "a.csv: 30 of 90 samples have no row and are failed, such as test/angry/060.png",
            "a.csv: 20 of 60 labels are none of tiny:test and count as wrong: 'melancholy' (20)",
        ]
        assert harness("score", "a.csv", "--dataset", "tiny:test", "--json").json["problems"] == said
        shown = harness("score", "a.csv", "--dataset", "tiny:test").out.splitlines()
        assert [line for line in shown if line.startswith("problem: ")] == [
            f"problem: {line}" for line in said
        ]

    def test_a_limit_takes_the_samples_that_predict_takes(self, harness, suite, tmp_path):
        suite.write_text(f"seed = 7\n{SUITE}")
        options = ("--dataset", "tiny:test", "--limit", "12", "--json")
        shown = harness("predict", "good", *options, "--out", "p.csv").json
        scored = harness("score", "p.csv", *options).json
        assert scored == {name: shown[name] for name in scored}

    def test_as_a_process_it_prints_json_and_imports_nothing_heavy(self, tmp_path):
        write_suite(tmp_path)
        arguments = ("--dataset", "tiny:test", "--suite", "suite.toml")
        done = process(tmp_path, "score", "outside.csv", *arguments, "--json", then=NO_TORCH)
        assert metrics(done.json)["accuracy", None]["value"] == 0.5
        assert "is not a file" in process(tmp_path, "score", "none.csv", *arguments, "--json").error

    def test_on_the_real_privatetest_it_agrees_with_scikit_learn(self, harness, data_root, tmp_path):
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


class TestReport:
    @pytest.fixture
    def run(self, harness, suite, tmp_path) -> Path:
        """A run folder as the evals leave it."""
        from harness.predictor import Predictor
        from harness.recorder import Recorder, claim_entry, record_predictions
        from harness.session import Session
        from harness.settings import Settings
        from harness.suite import Expectation, Filters, Suite

        read = Suite.read(suite)
        settings = Settings(data_root=tmp_path / "data", store=tmp_path / "store", replicates=200)
        session = Session(Predictor(read, settings))
        cells = read.claim_cells("cnn_beats_vlm", read.profile("default"), Filters())
        session.plan([], cells)
        recorder = Recorder(
            tmp_path / "reports" / "one", {"command": "pytest evals", "alpha": 0.05, "seed": 0}
        )
        for cell in cells:
            entry = claim_entry(
                session.verdict(cell), Expectation(), "A hypothesis.", f"test_cnn_beats_vlm[{cell}]"
            )
            kept = [
                record_predictions(recorder.run, session.predictions(c), "classifier") for c in cell.cells
            ]
            recorder.add({"claim": entry, "cells": kept, "skipped": [("clip", "not here")]})
        recorder.write(read)
        return recorder.run

    def test_writes_the_reports_again(self, harness, run):
        shown = harness("report", "reports/latest", "--json").json
        assert Path(shown["report"]).name in ("report.html", "report.md")
        assert [claim["verdict"] for claim in shown["claims"]] == ["supported", "supported"]
        assert "clip" in (run / "report.md").read_text()
        assert {"tiny:test/none/good"} <= set(pd.read_csv(run / "metrics.csv")["cell"])

    def test_the_newest_run_is_found_from_a_folder_below(self, harness, run, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path / "evals")
        shown = harness("report", "--json").json
        assert Path(shown["report"]).resolve().parent == run

    def test_as_a_process_it_prints_the_path(self, run, tmp_path):
        done = process(tmp_path, "report", run, then=NO_TORCH)
        assert Path(done.out.strip()).is_file()

    @pytest.mark.parametrize("argument", [[], ["evals"], ["none"]])
    def test_a_folder_that_is_no_run_is_one_line(self, harness, suite, argument):
        assert "is not the folder of a run" in harness("report", *argument).error


class TestTrain:
    @pytest.fixture
    def shapes(self, tmp_path) -> Path:
        """Noisy shapes in label folders, described by a suite that lists what training leaves."""
        rng = np.random.default_rng(0)
        for split, count in (("train", 16), ("val", 6), ("test", 8)):
            for label in SHAPES:
                (tmp_path / "data" / "shapes" / split / label).mkdir(parents=True)
                for number in range(count):
                    shape(label, rng).save(tmp_path / f"data/shapes/{split}/{label}/{number}.png")
        (tmp_path / "suite.toml").write_text(
            "[datasets.shapes]\nadapter = 'images'\nspace = ['disc', 'square', 'triangle']\n"
            "[models.cnn]\nadapter = 'timm'\ncheckpoint = 'test_resnet-shapes-48px.safetensors'\n"
        )
        return tmp_path / "suite.toml"

    OPTIONS = ("test_resnet", "--dataset", "shapes", "--select", "val", "--report", "test", "--epochs", "1")

    def test_what_it_trains_predicts_as_recorded(self, harness, shapes, tmp_path):
        """Training in a process of its own, and so is prediction again, from the store alone."""
        arguments = ("train", *self.OPTIONS, "--suite", shapes, "--device", "cpu", "--json")
        done = process(tmp_path, *arguments, umask=0o027)
        result = done.json
        assert Path(result["checkpoint"]) == tmp_path / "checkpoints" / "test_resnet-shapes-48px.safetensors"
        assert result["correct"]["shapes:test"]["n"] == 24
        files = [path for path in (tmp_path / "checkpoints").iterdir() if path.suffix != ".lock"]
        assert {path.suffix for path in files} == {".safetensors", ".json", ".csv"}
        assert {oct(path.stat().st_mode) for path in files} == {"0o100640"}  # as any file of this user
        options = ("--dataset", "shapes:test", "--suite", shapes, "--device", "cpu", "--json")
        shown = harness(*(argument for argument in arguments if argument != "--json"))  # it is there already
        assert shown.out.endswith(f"In {shapes}, to evaluate it:\n\n{result['entry']}\n")
        with shapes.open("a") as file:
            file.write(f"\n{result['entry']}\n")
        assert harness("predict", "test_resnet-shapes-48px", *options).status == 0
        first = harness("predict", "cnn", *options)
        accuracy = metrics(first.json)["accuracy", None]["value"]
        assert accuracy == pytest.approx(result["correct"]["shapes:test"]["accuracy"])
        assert process(tmp_path, "predict", "cnn", *options, then=NO_TORCH).out == first.out

    @pytest.mark.parametrize("place", ["checkpoints", "elsewhere", "data", "evals", "evals/deep", "."])
    @pytest.mark.parametrize("name", ["resnet50-fer2013-48px", "resnet50.a1_in1k", "netz-größe"])
    def test_the_entry_finds_the_checkpoint_wherever_it_lies(self, harness, suite, tmp_path, place, name):
        (tmp_path / place).mkdir(exist_ok=True)
        checkpoint = tmp_path / place / f"{name}.safetensors"
        checkpoint.touch()
        suite.write_text(suite_entry(Path(place) / checkpoint.name, None, tmp_path / "data"))
        ((found, entry),) = Suite.read(suite).models.items()
        assert (found, entry["adapter"]) == (name, "timm")
        assert Context(tmp_path / "data", suite.parent).find(entry["checkpoint"]) == checkpoint
        assert not Path(entry["checkpoint"]).is_absolute()

    def test_several_seeds_report_their_spread(self, harness, shapes):
        options = (
            "train",
            *self.OPTIONS,
            "--suite",
            shapes,
            "--device",
            "cpu",
            "--limit",
            "12",
            "--seeds",
            "2",
        )
        shown = harness(*options, "--json").json
        spread = shown["shapes:test"]
        assert spread["n"] == 12
        assert len(spread["accuracies"]) == 2
        assert spread["mean"] == pytest.approx(np.mean(spread["accuracies"]))
        said = harness(*options).out
        assert f"shapes:test: {spread['mean']:.2%} right on average" in said
        assert re.findall(r"^\[models\.(.*)]$", said, re.MULTILINE) == [
            "test_resnet-shapes-48px",
            "test_resnet-shapes-48px-seed1",
        ]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["resnet_50", *OPTIONS[1:]], "timm 1.* has no architecture 'resnet_50'. Did you mean resnet50"),
            ([*OPTIONS[:2], "none", *OPTIONS[3:]], "unknown adapter 'none'"),
            ([*OPTIONS[:4], "public"], "Unknown split shapes:public"),
            ([*OPTIONS, "--epochs", "0"], "Expected `epochs` to be an integer of at least 1"),
            ([*OPTIONS, "--input-size", "0"], "Expected `input_size` to be .* at least 2 pixels"),
            ([*OPTIONS, "--input-size", "1"], "Expected `input_size` to be .* at least 2 pixels"),
            ([*OPTIONS, "--batch-size", "1"], "Expected `batch_size` to be an integer of at least 2"),
            ([*OPTIONS, "--device", "teapot"], "Device 'teapot' cannot be used here"),
        ],
    )
    def test_errors_are_one_line_with_the_fix_and_status_2(self, harness, shapes, arguments, message):
        assert re.search(message, harness("train", *arguments, "--suite", shapes).error)


def test_help_is_printed_without_importing_anything_heavy(tmp_path):
    done = process(tmp_path, "--help", then=NO_TORCH)
    for verb in ("doctor", "predict", "score", "prompt", "train", "report"):
        assert verb in done.out
