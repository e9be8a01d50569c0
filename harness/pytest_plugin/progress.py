"""Says how far predicting is, before the first test: minutes on a laptop, hours in a nightly run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from harness.tools.atomic import write_atomically

# A run that is done sooner says nothing.
SECONDS = 10.0


class Progress:
    """Sums up what workers have answered, and tells of it now and then.

    Args:
        tell: is given a line.
    """

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell, self._done, self._last = tell, Counter[str](), time.monotonic()

    def __call__(self, worker: str, done: int, total: int) -> None:
        """See `harness.engine.Local`."""
        self._done[worker] += done
        if time.monotonic() - self._last >= SECONDS:
            self._last = time.monotonic()
            self._tell(f"{worker}: {self._done[worker]:,} of {total:,} answers")


class Notice:
    """A line that one process leaves for another, in a file.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, line: str) -> None:
        """Leaves a line in place of the last one; a disk that is full loses it."""
        with suppress(OSError):
            write_atomically(self._path, lambda file: file.write(line.encode()))

    def follow(self, tell: Callable[[str], object], until: Event) -> Thread:
        """Tells of each new line, in a thread that ends with the process at the latest."""
        thread = Thread(target=self._follow, args=(tell, until), daemon=True)
        thread.start()
        return thread

    def _follow(self, tell: Callable[[str], object], until: Event) -> None:
        last = ""
        while not until.wait(SECONDS / 10):
            with suppress(OSError, UnicodeDecodeError):
                line = self._path.read_text("utf-8")
                if line != last:
                    tell(last := line)
