"""What a run may cost: it stops asking, pays for what is in flight, and forgets nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest
from fault_server import FaultServer, answer, grey, model_at, question, refusal, script

from harness.errors import ModelError
from harness.models.endpoint import Budget


@pytest.fixture
def server():
    with FaultServer() as server:
        server.plan = script(answer(usage=(1, 0)))
        yield server


def load(server, folder, budget, **options):
    model = model_at(server, folder, **{"price": [1e6, 0], **options})  # a dollar each
    model.budget = budget
    return model.load("cpu", "float32")


def test_no_request_starts_once_it_is_spent(server, tmp_path):
    budget = Budget(5)
    model = load(server, tmp_path, budget, concurrency=1)
    replies = model.generate(grey(10), [question("a"), question("b")])
    asked = [reply is not None for pair in zip(*replies, strict=True) for reply in pair]
    assert asked == [True] * 5 + [False] * 15
    assert model.generate(grey(3), [question()]) == [[None] * 3]
    assert (len(server.seen), budget.spent, budget.exhausted) == (5, 5.0, True)


def test_requests_in_flight_finish_and_count(server, tmp_path):
    budget = Budget(5)
    replies = load(server, tmp_path, budget, concurrency=4).generate(grey(40), [question()])[0]
    answered = [reply for reply in replies if reply is not None]
    assert 5 <= len(answered) <= 8
    assert len(answered) == len(server.seen) == budget.spent
    assert all(reply.text == "happy" and reply.cost == 1 for reply in answered)


def test_it_is_shared_by_models(server, tmp_path):
    budget = Budget(3)
    first, second = (load(server, tmp_path, budget, concurrency=1) for _ in range(2))
    assert first.generate(grey(2), [question()])[0][1].cost == 1
    assert [reply is not None for reply in second.generate(grey(2), [question()])[0]] == [True, False]


def test_failures_and_free_models_cost_nothing(server, tmp_path):
    budget = Budget(1)
    assert load(server, tmp_path, budget, price=[0, 0]).generate(grey(3), [question()])[0][2].cost == 0
    server.plan = script(refusal(400))
    assert load(server, tmp_path, budget).generate(grey(3), [question()])[0][2].error
    assert (len(server.seen), budget.spent) == (6, 0)


def test_filtered_and_cut_replies_are_paid_for(server, tmp_path):
    server.plan = script(answer(None, "content_filter", usage=(1, 0)))
    budget = Budget(None)
    assert load(server, tmp_path, budget).generate(grey(2), [question()])[0][0].cost == 1
    assert budget.spent == 2


def test_a_server_that_does_not_count_cannot_be_held_to_it(server, tmp_path):
    server.plan = script(answer(usage=None))
    model = load(server, tmp_path, Budget(9), concurrency=1)
    replies = model.generate(grey(3), [question()])[0]
    assert [reply.text for reply in replies] == ["happy", None, None]
    assert "does not say how many tokens" in replies[1].error
    with pytest.raises(ModelError, match="--max-cost cannot be kept. Run without it"):
        model.generate(grey(3), [question()])
    assert len(server.seen) == 1
    assert load(server, tmp_path, Budget(None)).generate(grey(3), [question()])[0][2].cost is None


def test_processes_share_a_ledger(tmp_path):
    ledger = tmp_path / "spent"
    code = (
        "import sys; from pathlib import Path; from harness.models.endpoint.budget import Budget\n"
        "budget = Budget(9.0, Path(sys.argv[1]))\n"
        "for _ in range(400): budget.spend(0.25); budget.spent\n"
    )
    ours = Budget(150.0, ledger)
    assert (ours.spent, ours.exhausted) == (0, False)
    others = [subprocess.Popen([sys.executable, "-c", code, str(ledger)]) for _ in range(2)]
    for _ in range(400):
        ours.spend(0.25)
    assert [other.wait(timeout=60) for other in others] == [0, 0]
    assert (ours.spent, ours.exhausted) == (300.0, True)
    assert Budget(None, ledger).spent == 300.0


def test_half_a_line_is_read_once_it_is_whole(tmp_path):
    ledger = tmp_path / "spent"
    budget = Budget(1.0, ledger)
    budget.spend(0.5)
    with ledger.open("a") as file:
        file.write("0.2")
        file.flush()
        assert budget.spent == 0.5
        file.write("5\n")
    assert budget.spent == 0.75
