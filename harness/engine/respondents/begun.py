"""Numbers that an adapter has begun to compute, and the pictures that it was given."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.engine.asked import Images
from harness.stimuli import Takes, shown


@dataclass(frozen=True)
class Ready:
    """Pictures on their way to an adapter.

    Attributes:
        pictures: as it takes them.
        prepared: what its `prepare` made of them; None for one that prepares and computes in one call.
    """

    pictures: list[Any]
    prepared: Any = None


@dataclass(frozen=True)
class Begun:
    """Numbers for N pictures, which may be still under way.

    What a picture takes is counted from their beginning until they are there: on a device that has been given
    several batches, with the time that they wait for each other.

    Attributes:
        numbers: an array, or something whose `numpy()` waits for one.
        started: when they were begun.
    """

    numbers: Any
    started: float

    def wait(self) -> tuple[NDArray[np.float32], float]:
        """The numbers, and the seconds per picture that they took."""
        numbers = self.numbers.numpy() if hasattr(self.numbers, "numpy") else np.asarray(self.numbers)
        return numbers, (time.perf_counter() - self.started) / max(1, len(numbers))


def prepare(loaded: Any, images: Images, takes: Takes) -> Ready:
    """Pictures as an adapter takes them, prepared where it does that apart from computing."""
    pictures = shown(images.values(), takes)
    return Ready(pictures, loaded.prepare(pictures) if _apart(type(loaded)) else None)


def _apart(kind: type) -> bool:
    """Whether an adapter prepares and computes apart; not where it has overridden the call that does both."""
    places = {
        name: next((place for place, one in enumerate(kind.__mro__) if name in vars(one)), None)
        for name in ("prepare", "forward", "classify", "embed_images")
    }
    if places["prepare"] is None or places["forward"] is None:
        return False
    return all(place is None or place >= places["forward"] for name, place in places.items())


def begin(loaded: Any, ready: Ready, whole: Callable[[list[Any]], Any]) -> Begun:
    """Begins to compute, by the adapter's `forward` or by `whole`, which takes pictures as they are."""
    started = time.perf_counter()
    numbers = whole(ready.pictures) if ready.prepared is None else loaded.forward(ready.prepared)
    return Begun(numbers, started)
