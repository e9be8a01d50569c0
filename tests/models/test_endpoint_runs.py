"""An endpoint behind the engine and the store: what was paid for is kept, what failed is asked again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from evaluating import claim_tests, evaluate
from fault_server import FaultServer, Seen, answer, refusal
from PIL import Image
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import HarnessWarning, Unavailable
from harness.judging import Evaluation
from harness.predictions import Cell, Predictions
from harness.reporting import write_report
from harness.reporting.unanswered import unanswered
from harness.runs import record_predictions
from harness.settings import Settings
from harness.suite import ClaimCell, Suite

IMAGES = 9
SUITE = """
[profiles.default]
datasets = ["faces:test"]
prompts = ["*"]
[datasets.faces]
adapter = "images"
space = ["happy", "sad", "neutral"]
[prompts.two-stage]
form = "two-stage"
[prompts.orders]
order = "permutations-3"
repeats = 2
[models.served]
adapter = "openai"
model = "m"
base_url = "{url}"
price = [1000, 1000]
retries = 0
[claims.label_order_bias]
"""
PLAIN, STAGED = (Cell("served", "faces", "test", prompt=name) for name in ("plain", "two-stage"))


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def start(tmp_path: Path, server: FaultServer):
    """A run of some cells; each call is a new one."""
    draw = np.random.default_rng(0)
    for serial in range(IMAGES):
        path = tmp_path / "data/faces/test" / ("happy", "sad", "neutral")[serial % 3] / f"{serial}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (8, 8), np.uint8)).save(path)
    (tmp_path / "suite.toml").write_text(SUITE.format(url=server.base_url))

    def start(*cells: Cell, claims: Iterable[ClaimCell] = (), **settings: float) -> Evaluation:
        values = {"data_root": tmp_path / "data", "store": tmp_path / "store", "device": "cpu", **settings}
        return evaluate(
            Suite.read(tmp_path / "suite.toml"), Settings(**values, replicates=100), cells, claims
        )

    return start


@pytest.fixture
def answered(start):
    """The predictions of one cell by a run of its own."""
    return lambda cell=PLAIN, **settings: start(cell, **settings).evidence.predictions(cell)


def outcomes(predictions: Predictions) -> list[str]:
    return list(predictions.table["outcome"])


def test_a_call_that_fails_is_a_failure_and_is_asked_again_by_the_next_run(answered, server):
    first: list[bytes] = []

    def plan(seen: Seen):
        first.append(seen.png)
        return refusal(500) if seen.png == first[0] else answer("Sad")

    server.plan = plan
    broken = answered()
    assert sorted(outcomes(broken)) == ["failed"] + ["parsed"] * (IMAGES - 1)
    assert broken.table["reason"].dropna().str.contains("500").all()
    assert set(broken.table["raw_text"].dropna()) == {"Sad"}

    server.plan, server.seen = (lambda seen: answer("Happy")), []
    mended = answered()
    assert [seen.png for seen in server.seen] == [first[0]]
    assert sorted(mended.table["label"]) == ["happy"] + ["sad"] * (IMAGES - 1)


def test_a_spent_budget_ends_the_run_and_the_next_one_goes_on(answered, server):
    server.plan = lambda seen: answer("Sad", usage=(2, 1))  # 0.003 dollars
    with pytest.raises(Unavailable, match="spent what --max-cost allows. What it answered is kept"):
        answered(max_cost=0.008)
    paid = {seen.png for seen in server.seen}
    assert 3 <= len(paid) < IMAGES
    server.seen = []
    assert outcomes(answered()) == ["parsed"] * IMAGES
    assert not paid & {seen.png for seen in server.seen}
    assert len(server.seen) == IMAGES - len(paid)


def test_what_was_used_is_counted_per_cell(answered, server):
    server.plan = lambda seen: answer("emotional" if "neutral" in seen.text else "Sad", usage=(100, 5))
    staged = answered(STAGED)
    assert len(server.seen) == 2 * IMAGES
    assert staged.table["tokens_in"].sum() == 200 * IMAGES
    assert staged.table["cost"].sum() == pytest.approx(2 * IMAGES * 105 / 1000)
    assert set(staged.table["label"]) == {"sad"}


def test_noise_of_a_server_is_told_from_the_order_by_asking_again(start, server):
    words = np.random.default_rng(0)
    server.plan = lambda seen: answer(words.choice(["happy", "sad"]))
    (test,) = claim_tests(start().suite, "label_order_bias")
    verdict = start(claims=[test]).verdict(test)
    assert len(server.seen) == 6 * 2 * IMAGES
    assert not verdict.barred
    assert verdict.effect.low <= 0 <= verdict.effect.high
    assert verdict.outcome == "inconclusive"


WARNING = "m thinks longer than it may: none of the first 8 replies was finished. Stop it with Ctrl-C"


def test_an_accuracy_of_zero_says_why(answered, server, tmp_path):
    server.plan = lambda seen: answer("", "length", reasoning="They smile, so")
    with pytest.warns(HarnessWarning, match=WARNING) as caught:
        predictions = answered()
    assert len(caught) == 1
    why = "cut off at 64 tokens while it thought; raise max_tokens of the prompt or switch thinking off"
    assert unanswered(predictions) == [f"9 of 9 unparsable: {why}."]
    where = ["--dataset", "faces:test", "--suite", str(tmp_path / "suite.toml")]
    where += ["--data-root", str(tmp_path / "data"), "--store", str(tmp_path / "store")]
    shown = CliRunner().invoke(app, ["predict", "served", *where])
    assert shown.exit_code == 0
    assert f"|\n\n9 of 9 unparsable: {why}.\n" in shown.output  # below the table
    as_json = CliRunner().invoke(app, ["predict", "served", *where, "--json"])
    assert json.loads(as_json.output)["notes"] == [f"9 of 9 unparsable: {why}."]


def test_a_few_replies_that_are_cut_off_are_no_reason_to_stop(answered, server, recwarn):
    server.plan = lambda seen: answer("happy", "length" if len(server.seen) % 2 else "stop")
    answered()
    assert not [warning for warning in recwarn if "finished" in str(warning.message)]


def test_each_way_of_not_answering_is_counted_with_its_reason(answered, server):
    acts = [
        *[answer("I cannot help with that.")] * 2,
        answer("hap", "length"),
        refusal(400, message="image too small"),
        answer("Sad", "flummoxed"),
        answer([{"type": "text", "text": "Sad"}]),
    ]
    images: list[bytes] = []

    def plan(seen: Seen):
        images.append(seen.png)
        return acts[min(len(images), len(acts)) - 1]

    server.plan = plan
    predictions = answered()
    assert len(server.seen) == IMAGES
    assert unanswered(predictions) == [
        "2 of 9 refused.",
        "1 of 9 unparsable: cut off at 64 tokens; raise max_tokens of the prompt.",
        "1 of 9 failed: 400: image too small.",
        "1 of 9 answered with a remark: it ended for a reason unknown to the harness: 'flummoxed'.",
    ]
    assert predictions.table["remark"].dropna().tolist() == [
        "it ended for a reason unknown to the harness: 'flummoxed'"
    ]
    assert set(predictions.table["finish"].dropna()) == {"stop", "length"}


def test_no_odd_reply_makes_the_batch_be_asked_again(answered, server):
    odd: list[bytes] = []

    def plan(seen: Seen):
        odd.append(seen.png)
        if seen.png == odd[0]:
            return answer("Sad", usage=(10**25, 5))
        return answer("Sad \ud83d") if seen.png == odd[1] else answer("Sad")

    server.plan = plan
    predictions = answered()
    assert len(server.seen) == IMAGES
    assert outcomes(predictions) == ["parsed"] * IMAGES
    assert predictions.table["cost"].notna().sum() == IMAGES - 1
    server.seen = []
    assert outcomes(answered()) == ["parsed"] * IMAGES
    assert not server.seen


def test_a_stage_that_failed_does_not_hide_what_the_other_cost(answered, server):
    server.plan = lambda seen: refusal(400) if "neutral" in seen.text else answer("Sad", usage=(100, 5))
    staged = answered(STAGED)
    assert outcomes(staged) == ["failed"] * IMAGES
    assert staged.table["cost"].sum() == pytest.approx(IMAGES * 105 / 1000)


def test_the_key_is_in_nothing_that_is_kept(answered, server, tmp_path, monkeypatch):
    """The server repeats it in answers and in errors; the store, the cell and the report hold all of them."""
    secret = "sk-proj-4f0ZenE7vErPr1nTtH1s"
    monkeypatch.setenv("FAULT_KEY", secret)
    suite = tmp_path / "suite.toml"
    suite.write_text(suite.read_text().replace("retries = 0", 'retries = 0\napi_key_env = "FAULT_KEY"'))
    first: list[bytes] = []

    def plan(seen: Seen):
        first.append(seen.png)
        if seen.png == first[0]:
            return refusal(400, message=f"key {secret}")
        return answer(f"Sad {secret}", secret) if seen.png == first[1] else answer(f"{secret} tells nothing")

    server.plan = plan
    predictions = answered()
    run = tmp_path / "run"
    entry = record_predictions(run, predictions, "generative")
    (run / "run.json").write_text(json.dumps({"cells": [entry]}))
    write_report(run)
    files = [path for root in (run, tmp_path / "store") for path in root.rglob("*") if path.is_file()]
    kept = [path.read_bytes() for path in files]
    tables = [path for path in files if path.suffix == ".parquet"]
    text = "".join(pq.read_table(path).to_pandas().to_csv() for path in tables)
    assert text.count("***") >= 2 * IMAGES
    assert secret not in text
    assert not any(secret.encode() in body for body in kept)
    report = (run / "report.md").read_text()
    assert "1 of 9 failed: 400: key \\*\\*\\*" in report
