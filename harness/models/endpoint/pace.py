"""How fast a server may be asked: one pace for all requests of a model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

# After each reply requests follow each other a little sooner, until the next refusal says how often they may.
EASE = 0.97


class Pace:
    """Whoever is told to wait makes all requests wait, and what a server granted since is what it is asked.

    A refusal says when the server may be asked again. How often, it says without words: as many requests
    as it served from one such moment to the next fit into that time, so that they are spread over it.

    Args:
        clock: seconds since some moment.
        sleep: waits for so many of them.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._free = self._gap = self._hold = 0.0
        self._since: float | None = None
        self._served = 0

    async def turn(self) -> None:
        """Waits until one more request may start."""
        while (wait := self._free - self._clock()) > 0:
            await self._sleep(wait)
        now = self._clock()
        if self._since is None or self._hold:
            if self._since is not None and self._served:
                # Never longer than the wait itself: the model may have had nothing to do for an hour.
                self._gap = min((now - self._since) / self._served, self._hold)
            self._since, self._served, self._hold = now, 0, 0.0
        self._free = now + self._gap

    def served(self) -> None:
        """A request was not refused."""
        self._served += 1
        self._gap *= EASE

    def hold(self, seconds: float) -> None:
        """No request starts for so long."""
        self._free = max(self._free, self._clock() + seconds)
        self._hold = max(self._hold, seconds)
