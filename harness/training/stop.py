"""Stopping on request: Ctrl-C and SIGTERM alike."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from harness.training.files import Files
from harness.training.progress import TrainingProgress


@contextmanager
def stoppable(files: Files, progress: TrainingProgress) -> Iterator[None]:
    """Inside the block SIGTERM raises KeyboardInterrupt, and a stop says in one line how to go on."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    # Python lets only the main thread set handlers; elsewhere SIGTERM kills at once, which loses no more.
    main = threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGTERM, stop) if main else None
    try:
        yield
    except KeyboardInterrupt:
        kept = files.path("resume.pt")
        state = f"Finished epochs are kept in {kept}." if kept.exists() else "No epoch was finished."
        progress.note(f"Stopped. {state} Run the same command again to go on.")
        raise
    finally:
        if main:
            signal.signal(signal.SIGTERM, previous)
