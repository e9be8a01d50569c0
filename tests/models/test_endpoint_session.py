"""An endpoint behind the session and the store: what was paid for is kept, what failed is asked again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fault_server import FaultServer, Seen, answer, refusal
from PIL import Image

from harness.errors import Unavailable
from harness.predictions import Cell, Predictions
from harness.predictor import Predictor
from harness.session import Session
from harness.settings import Settings
from harness.suite import Filters, Suite

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
PLAIN = Cell("served", "faces", "test", prompt="plain")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def start(tmp_path: Path, server: FaultServer):
    """A session; each call is a new run."""
    draw = np.random.default_rng(0)
    for serial in range(IMAGES):
        path = tmp_path / "data/faces/test" / ("happy", "sad", "neutral")[serial % 3] / f"{serial}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (8, 8), np.uint8)).save(path)
    (tmp_path / "suite.toml").write_text(SUITE.format(url=server.base_url))

    def start(**settings: float) -> Session:
        values = {"data_root": tmp_path / "data", "store": tmp_path / "store", "device": "cpu", **settings}
        return Session(Predictor(Suite.read(tmp_path / "suite.toml"), Settings(**values, replicates=100)))

    return start


def outcomes(predictions: Predictions) -> list[str]:
    return list(predictions.table["outcome"])


def test_a_call_that_fails_is_a_failure_and_is_asked_again_by_the_next_run(start, server):
    first: list[bytes] = []

    def plan(seen: Seen):
        first.append(seen.png)
        return refusal(500) if seen.png == first[0] else answer("Sad")

    server.plan = plan
    broken = start().predictions(PLAIN)
    assert sorted(outcomes(broken)) == ["failed"] + ["parsed"] * (IMAGES - 1)
    assert broken.table["reason"].dropna().str.contains("500").all()
    assert set(broken.table["raw_text"].dropna()) == {"Sad"}

    server.plan, server.seen = (lambda seen: answer("Happy")), []
    mended = start().predictions(PLAIN)
    assert [seen.png for seen in server.seen] == [first[0]]
    assert sorted(mended.table["label"]) == ["happy"] + ["sad"] * (IMAGES - 1)


def test_a_spent_budget_ends_the_run_and_the_next_one_goes_on(start, server):
    server.plan = lambda seen: answer("Sad", usage=(2, 1))  # 0.003 dollars
    with pytest.raises(Unavailable, match="spent what --max-cost allows. What it answered is kept"):
        start(max_cost=0.008).predictions(PLAIN)
    paid = {seen.png for seen in server.seen}
    assert 3 <= len(paid) < IMAGES
    server.seen = []
    assert outcomes(start().predictions(PLAIN)) == ["parsed"] * IMAGES
    assert not paid & {seen.png for seen in server.seen}
    assert len(server.seen) == IMAGES - len(paid)


def test_what_was_used_is_counted_per_cell(start, server):
    server.plan = lambda seen: answer("emotional" if "neutral" in seen.text else "Sad", usage=(100, 5))
    staged = start().predictions(Cell("served", "faces", "test", prompt="two-stage"))
    assert len(server.seen) == 2 * IMAGES
    assert staged.table["tokens_in"].sum() == 200 * IMAGES
    assert staged.table["cost"].sum() == pytest.approx(2 * IMAGES * 105 / 1000)
    assert set(staged.table["label"]) == {"sad"}


def test_noise_of_a_server_is_told_from_the_order_by_asking_again(start, server):
    words = np.random.default_rng(0)
    server.plan = lambda seen: answer(words.choice(["happy", "sad"]))
    session = start()
    (cell,) = session.suite.claim_cells("label_order_bias", session.suite.profile("default"), Filters())
    session.plan([], [cell])
    verdict = session.verdict(cell)
    assert len(server.seen) == 6 * 2 * IMAGES
    assert not verdict.barred
    assert verdict.effect.low <= 0 <= verdict.effect.high
    assert verdict.outcome == "inconclusive"
