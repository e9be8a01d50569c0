"""Verdicts that the workers of one run share: families are judged whole, each cell by one worker."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from harness.atomic import write_atomically
from harness.claims import Verdict
from harness.predictions import Cell

FOLDER = "verdicts"


class SharedVerdicts:
    """Verdicts not yet settled, kept in the run folder while the run lasts.

    A worker that judges may wait for a model's lock; whoever holds that one never waits for a verdict.

    Args:
        run: the run folder, "" where there is one process.
    """

    def __init__(self, run: str) -> None:
        self._folder = Path(run) / FOLDER if run else None

    def judged(
        self, claim: str, cells: Sequence[Cell], judge: Callable[[], Verdict], *, wait: bool = True
    ) -> Verdict | None:
        """The verdict on some cells, by whichever worker comes first.

        Returns:
            None where another worker is judging it and `wait` is false.
        """
        if self._folder is None:
            return judge()
        name = hashlib.sha256(json.dumps([claim, *map(str, cells)]).encode()).hexdigest()
        path = self._folder / f"{name}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock"), timeout=-1 if wait else 0):
                if path.exists():
                    return Verdict.from_dict(json.loads(path.read_text(encoding="utf-8")))
                verdict = judge()
                body = json.dumps(verdict.as_dict()).encode()
                with suppress(OSError):  # a full disk: the others judge by themselves
                    write_atomically(path, lambda file: file.write(body))
                return verdict
        except Timeout:
            return None
        except OSError:
            return judge()
