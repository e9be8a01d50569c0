"""A device that waits for nothing: the next batch is prepared and earlier ones are written while it works."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from types import TracebackType
from typing import Generic, TypeVar

Batch = TypeVar("Batch")
Ready = TypeVar("Ready")
Result = TypeVar("Result")

# Results that may wait to be written. ViT-B-32 is done with 64 pictures in 2 ms, and a shard takes ten times
# as long: whoever writes takes what has come meanwhile at once.
HELD = 32


def run_ahead(
    batches: Iterable[Batch],
    prepare: Callable[[Batch], Ready],
    forward: Callable[[Batch, Ready], Result],
    write: Callable[[list[tuple[Batch, Result]]], object],
) -> None:
    """Takes batches through three steps that overlap; each step sees them one after the other, in order.

    An error stops the run, and so does Ctrl-C: nothing new is begun, what went through `forward` before it
    is written, and then it is raised. After an error of `write` nothing more is written, and where several
    steps fail it is the one of the earliest batch that is raised.

    Args:
        batches: what there is to do; the next one is asked for in the thread of `prepare`.
        prepare: what needs no device (decoding, processors); in a thread, one batch ahead.
        forward: what the device does; in the thread of the caller. It need not wait for what it has begun.
        write: keeps results, in a thread; whatever came since the last call, at least one.
    """
    source = iter(batches)

    def upcoming() -> tuple[Batch, Ready] | None:
        for batch in source:
            return batch, prepare(batch)
        return None

    with ThreadPoolExecutor(1, "prepare") as preparer, _Writer(write) as writer:
        coming = preparer.submit(copy_context().run, upcoming)
        while (found := coming.result()) is not None:
            coming = preparer.submit(copy_context().run, upcoming)
            writer.take(found[0], forward(*found))


class _Writer(Generic[Batch, Result]):
    """Writes in a thread what it is given, and is done with all of it at its end."""

    def __init__(self, write: Callable[[list[tuple[Batch, Result]]], object]) -> None:
        self._write, self._failed = write, False
        self._pool = ThreadPoolExecutor(1, "write")
        self._waiting: deque[tuple[Batch, Result]] = deque()
        self._calls: deque[Future[None]] = deque()

    def take(self, batch: Batch, result: Result) -> None:
        """Waits only where too much is unwritten; raises what an earlier call of `write` did."""
        self._waiting.append((batch, result))
        self._calls.append(self._pool.submit(copy_context().run, self._write_waiting))
        while self._calls and (self._calls[0].done() or len(self._waiting) > HELD):
            self._calls.popleft().result()

    def _write_waiting(self) -> None:
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if taken and not self._failed:
            try:
                self._write(taken)
            except BaseException:
                self._failed = True
                raise

    def __enter__(self) -> _Writer[Batch, Result]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()
        for call in self._calls:
            call.result()
