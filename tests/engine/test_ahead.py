"""Three steps overlap, and nevertheless every batch is written once, in order, or the reason is raised."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine.ahead import HELD, run_ahead

SECONDS = 20  # a step that waits for another gives up then, where the two do not overlap


class Kept:
    """What was written, and in how many calls."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, Any]] = []
        self.calls = 0

    def __call__(self, results: list[tuple[Any, Any]]) -> None:
        assert results
        self.rows += results
        self.calls += 1


def double(batch: int) -> int:
    return 2 * batch


def plus(batch: int, ready: int) -> int:
    assert ready == 2 * batch
    return batch + ready


def failing_at(bad: int | None, step: Any, name: str) -> Any:
    def run(batch: int, *rest: Any) -> Any:
        if batch == bad:
            raise ValueError(f"{name} {batch}")
        return step(batch, *rest)

    return run


@pytest.mark.parametrize("n", [0, 1, 2, 3 * HELD])
def test_every_batch_is_written_once_and_in_order(n):
    kept = Kept()
    run_ahead(range(n), double, plus, kept)
    assert kept.rows == [(batch, 3 * batch) for batch in range(n)]


def test_the_next_batch_is_prepared_while_the_device_works():
    prepared = [threading.Event() for _ in range(4)]

    def prepare(batch: int) -> int:
        prepared[batch].set()
        return 2 * batch

    def forward(batch: int, ready: int) -> int:
        assert batch == 3 or prepared[batch + 1].wait(SECONDS)
        assert not any(event.is_set() for event in prepared[batch + 2 :])  # one, not more: they take memory
        return ready

    run_ahead(range(4), prepare, forward, Kept())


def test_the_device_works_while_results_are_written():
    third = threading.Event()
    kept = Kept()

    def forward(batch: int, ready: int) -> int:
        if batch == 2:
            third.set()
        return ready

    def write(results: list[tuple[int, int]]) -> None:
        assert third.wait(SECONDS)
        kept(results)

    run_ahead(range(10), double, forward, write)
    assert [batch for batch, _ in kept.rows] == list(range(10))
    assert kept.calls < 10  # what came meanwhile was written at once


def test_results_do_not_pile_up_before_a_slow_writer():
    done, most = 0, 0
    kept = Kept()

    def forward(batch: int, ready: int) -> int:
        nonlocal done, most
        done += 1
        most = max(most, done - len(kept.rows))
        return ready

    def write(results: list[tuple[int, int]]) -> None:
        threading.Event().wait(0.005)
        kept(results)

    run_ahead(range(6 * HELD), double, forward, write)
    assert len(kept.rows) == 6 * HELD
    assert most <= 2 * HELD + 3  # as many being written, as many waiting, one on its way


@pytest.mark.parametrize("step", ["batches", "prepare", "forward"])
def test_what_was_done_before_an_error_is_written(step):
    kept = Kept()

    def batches() -> Any:
        for batch in range(9):
            if batch == 5 and step == "batches":
                raise ValueError("batches 5")
            yield batch

    with pytest.raises(ValueError, match=f"{step} 5"):
        run_ahead(
            batches(),
            failing_at(5 if step == "prepare" else None, double, "prepare"),
            failing_at(5 if step == "forward" else None, plus, "forward"),
            kept,
        )
    assert [batch for batch, _ in kept.rows] == list(range(5))


def test_nothing_is_written_after_what_could_not_be():
    kept = Kept()

    def write(results: list[tuple[int, int]]) -> None:
        for batch, result in results:
            if batch == 3:
                raise OSError("the disk is full")
            kept([(batch, result)])

    with pytest.raises(OSError, match="the disk is full"):
        run_ahead(range(1000), double, plus, write)
    assert [batch for batch, _ in kept.rows] == [0, 1, 2]


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_the_error_of_the_earliest_batch_is_the_one_that_is_raised(prepare, forward, write):
    def keep(results: list[tuple[int, int]]) -> None:
        if write in [batch for batch, _ in results]:
            raise ValueError(f"write {write}")

    bad = {"prepare": prepare, "forward": forward, "write": write}
    first = min(bad.values())
    steps = failing_at(prepare, double, "prepare"), failing_at(forward, plus, "forward")
    if first > 9:
        run_ahead(range(10), *steps, keep)
        return
    step = next(name for name in ("prepare", "forward", "write") if bad[name] == first)
    with pytest.raises(ValueError, match=f"^{step} {first}$"):
        run_ahead(range(10), *steps, keep)


def test_ctrl_c_writes_what_is_done_and_begins_nothing_new():
    kept = Kept()
    begun: list[int] = []

    def forward(batch: int, ready: int) -> int:
        if batch == 4:
            signal.raise_signal(signal.SIGINT)
        return ready

    def prepare(batch: int) -> int:
        begun.append(batch)
        return 2 * batch

    with pytest.raises(KeyboardInterrupt):
        run_ahead(range(100), prepare, forward, kept)
    assert [batch for batch, _ in kept.rows] == [0, 1, 2, 3]
    assert begun == [0, 1, 2, 3, 4, 5]
