"""What a run may cost."""

from __future__ import annotations

import os
from pathlib import Path


class Budget:
    """A sum that all models of a run draw on; it stops new requests, never those in flight.

    It is exceeded by at most what the requests in flight cost. What a server bills for a request whose
    reply never arrives is not in it, because nobody tells.

    Args:
        limit: US dollars, or None for no limit.
        ledger: a file that several processes share: each appends what it spends and reads what the others
            have. None for one process alone.
    """

    def __init__(self, limit: float | None, ledger: Path | None = None) -> None:
        self.limit, self.ledger = limit, ledger
        self._total, self._read = 0.0, 0

    @property
    def spent(self) -> float:
        """US dollars so far."""
        if self.ledger is not None and self.ledger.exists():
            with self.ledger.open("rb") as file:
                file.seek(self._read)
                whole = file.read().rpartition(b"\n")[0]
            if whole:
                self._read += len(whole) + 1
                self._total += sum(map(float, whole.split()))
        return self._total

    @property
    def exhausted(self) -> bool:
        """Whether no new request may start."""
        return self.limit is not None and self.spent >= self.limit

    def spend(self, cost: float) -> None:
        """Adds what one reply cost."""
        if self.ledger is None:
            self._total += cost
            return
        handle = os.open(self.ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(handle, f"{cost!r}\n".encode())  # one short append is one piece, whoever else appends
        finally:
            os.close(handle)
