"""What a training says while it runs: a bar on a terminal, one plain line per epoch elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from harness.training.files import EpochRow


class TrainingProgress:
    """Use as a context manager around `harness.training.train`; it may serve several trainings in turn.

    Args:
        console: where to write; standard error by default. `Console(quiet=True)` says nothing.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[loss]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._task: TaskID | None = None
        self._stem = ""
        self._epochs = self._batches = self._done = 0

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, stem: str, epochs: int, batches: int, done: int) -> None:
        """Starts a training of `epochs` x `batches`, of which `done` epochs are there already."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._stem, self._epochs, self._batches, self._done = stem, epochs, batches, done
        self._task = self._bar.add_task(
            escape(stem), total=epochs * batches, completed=done * batches, loss=""
        )

    def batch(self, done: int, loss: float) -> None:
        """Says that `done` batches of the current epoch are through, with this mean loss."""
        if self._task is not None:
            self._bar.update(
                self._task,
                completed=self._done * self._batches + done,
                description=f"{escape(self._stem)} epoch {self._done + 1}/{self._epochs}",
                loss=f"loss {loss:.3f}",
            )

    def epoch(self, row: EpochRow, best: bool) -> None:
        """Prints the line of a finished epoch."""
        self._done = row.epoch
        self.note(
            f"{self._stem} epoch {row.epoch}/{self._epochs}: loss {row.train_loss:.3f}, "
            f"train {row.train_accuracy:.1%}, select {row.select_accuracy:.1%}{' (best)' if best else ''}, "
            f"{row.seconds:.1f} s"
        )

    def note(self, line: str) -> None:
        """Prints one line above the bar."""
        self.console.print(line, markup=False, emoji=False, highlight=False, soft_wrap=True)
