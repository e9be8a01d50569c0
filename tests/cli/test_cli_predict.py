"""`harness predict`: one model's answers, kept and shown."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from command import metrics, start
from tiny_suite import SUITE, Reader, write_plugin


@pytest.mark.parametrize("below", ["", "below/it"])
def test_a_store_that_is_a_file_is_one_line(harness, suite, tmp_path, below):
    (tmp_path / "taken").write_text("a file")
    store = tmp_path / "taken" / below
    error = harness("predict", "good", "--dataset", "tiny:test", "--store", store).error
    assert f"The store {store} cannot be written (" in error
    assert "name another folder with --store" in error


def test_shows_every_metric_and_keeps_the_answers(harness, suite, tmp_path):
    shown = harness("predict", "good", "--dataset", "tiny:test", "--json").json
    assert (shown["dataset"], shown["n"]) == ("tiny:test", 90)
    assert metrics(shown)["accuracy", None]["value"] == pytest.approx(0.9)
    assert list((tmp_path / "store").rglob("*.parquet"))
    again = harness("predict", "good", "--dataset", "tiny:test", "--json")
    assert again.json == shown
    assert Reader.loads == {"10": 1}


def test_the_model_sees_restored_pixels(harness, suite):
    options = ("good", "--dataset", "tiny:test")
    shown = harness("predict", *options, "--restoration", "bicubic", "--json").json
    # It reads its answer off a pixel that resizing blends with its neighbours.
    assert metrics(shown)["accuracy", None]["value"] < 0.9
    unknown = harness("predict", *options, "--restoration", "magic")
    assert "Restoration magic has no entry in the suite" in unknown.error


@pytest.mark.parametrize("out", ["evals", "evals/suite.toml/p.csv"])
def test_a_csv_that_cannot_be_written_is_said_before_anything_is_answered(harness, suite, out):
    error = harness("predict", "good", "--dataset", "tiny:test", "--out", out).error
    assert f"{out} cannot be written" in error
    assert Reader.loads == {}


def test_a_network_with_labels_of_another_space_is_refused_and_a_foreign_answer_counted(harness, suite):
    def network(labels):
        suite.write_text(f"{SUITE}[models.net]\nadapter = 'reader'\nlabels = {labels}\n")
        return harness("predict", "net", "--dataset", "tiny:test", "--json")

    error = network(["0", "1", "2"]).error
    assert "net answers 0, 1, 2, of which none is a label of tiny:test: angry, happy, sad." in error
    found = network(["angry", "happy", "contempt"]).json
    said = "net: answers that are no labels of tiny:test count as wrong: 'contempt' (30)"
    assert found["problems"] == [said]
    assert metrics(found)["accuracy", None]["value"] == pytest.approx(2 / 3)


def test_says_that_the_answers_are_those_of_the_card(harness, suite):
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


def test_writes_a_csv_that_scores_the_same(harness, suite, tmp_path):
    shown = harness("predict", "good", "--dataset", "tiny:test", "--json", "--out", tmp_path / "x/p.csv")
    scored = harness("score", "x/p.csv", "--dataset", "tiny:test", "--json")
    assert scored.json == {name: shown.json[name] for name in scored.json}


def test_shows_a_table_to_people(harness, suite):
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
def test_errors_are_one_line_with_the_fix_and_status_2(harness, suite, arguments, message):
    assert message in harness("predict", *arguments).error


def stored_rows(store: Path) -> int:
    """How many answers a store holds; a shard may hold those of several batches."""
    return sum(pq.read_metadata(shard).num_rows for shard in store.rglob("*.parquet"))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_keeps_its_batches_and_goes_on_from_there(harness, suite, tmp_path, how):
    whole = harness("predict", "good", "--dataset", "tiny:test", "--json", "--store", "other").json
    write_plugin(tmp_path)
    stalling = SUITE.replace('"reader"\nevery = 10', '"stalling"\nevery = 10')
    (tmp_path / "evals" / "stalling.toml").write_text(stalling)
    options = ("predict", "good", "--dataset", "tiny:test", "--batch-size", "16")
    running = start(tmp_path, *options, "--suite", "evals/stalling.toml")
    try:
        deadline = time.monotonic() + 60
        while stored_rows(tmp_path / "store") < 3 * 16:
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


def test_without_a_model_it_says_how_it_is_used(harness, suite):
    shown = harness("predict", "--dataset", "tiny:test")
    assert shown.status == 2
    assert "Missing argument" in shown.err
