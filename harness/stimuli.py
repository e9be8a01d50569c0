"""What a model is shown: a picture, or frames that follow each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError, Unavailable

Pixels: TypeAlias = NDArray[np.uint8]

Medium = Literal["picture", "clip"]
"""What the samples of a data set are."""

Takes = Literal["image", "frames", "video"]
"""What an adapter is handed of each stimulus: an array (H, W) or (H, W, 3) of a picture, an array
(T, H, W, C) of anything, or the stimulus itself, with its frame rate and the file it may have come from."""


@runtime_checkable
class Stimulus(Protocol):
    """Something to be judged.

    Attributes:
        digest: SHA-256 of all that can be seen of it: equal exactly for what looks equal.
        fps: frames per second; None for a picture.
    """

    @property
    def digest(self) -> str:
        """See above."""

    @property
    def fps(self) -> float | None:
        """See above."""

    def frames(self) -> Pixels:
        """(T, H, W, C) with T = 1 for a picture, and C = 1 for grey or 3 for RGB."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One still picture.

    Attributes:
        pixels: (H, W) grey or (H, W, 3) RGB.
    """

    pixels: Pixels
    fps: None = None

    @cached_property
    def digest(self) -> str:
        """See `Stimulus`; that of the pixels alone, under which answers to pictures have always been kept."""
        return pixel_digest(self.pixels)

    def frames(self) -> Pixels:
        """See `Stimulus.frames`."""
        return self.pixels.reshape(1, *self.pixels.shape[:2], -1)


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames in memory.

    Attributes:
        pixels: (T, H, W, C).
        fps: frames per second.

    Raises:
        DataError: the frames have another shape.
    """

    pixels: Pixels
    fps: float

    def __post_init__(self) -> None:
        if self.pixels.ndim != 4 or 0 in self.pixels.shape or self.pixels.shape[3] not in (1, 3):
            raise DataError(
                f"A clip has frames of shape {self.pixels.shape}. Give (T, H, W, C) with C = 1 or 3."
            )

    @cached_property
    def digest(self) -> str:
        """See `Stimulus`; the same frames at another rate are another clip."""
        return hashlib.sha256(f"{float(self.fps)!r}:{pixel_digest(self.pixels)}".encode()).hexdigest()

    def frames(self) -> Pixels:
        """See `Stimulus.frames`."""
        return self.pixels


def pixel_digest(pixels: NDArray[np.generic]) -> str:
    """SHA-256 over shape, type and values: equal exactly for equal pixels."""
    head = f"{pixels.shape}{pixels.dtype.str}".encode()
    return hashlib.sha256(head + pixels.tobytes()).hexdigest()


def stimulus_of(read: Pixels | Stimulus) -> Stimulus:
    """What a decoder gave, as a stimulus: an array is a picture."""
    return Picture(read) if isinstance(read, np.ndarray) else read


def pictures_of(stimulus: Stimulus) -> list[Pixels]:
    """Each frame as the adapters of pictures see it: (H, W) where it is grey, else (H, W, 3)."""
    if isinstance(stimulus, Picture):
        return [stimulus.pixels]
    return [frame[:, :, 0] if frame.shape[2] == 1 else frame for frame in stimulus.frames()]


def shown(stimuli: Iterable[Stimulus], takes: Takes) -> list[Any]:
    """What an adapter is handed of each stimulus.

    Raises:
        DataError: it takes images, and one of these is a clip.
    """
    if takes == "video":
        return list(stimuli)
    if takes == "frames":
        return [one.frames() for one in stimuli]
    return [_picture(one) for one in stimuli]


def _picture(stimulus: Stimulus) -> Pixels:
    if isinstance(stimulus, Picture):
        return stimulus.pixels
    frames = pictures_of(stimulus)
    if len(frames) != 1:
        raise DataError(
            f"A clip of {len(frames)} frames is no picture. Set medium = 'clip' where its data set is made."
        )
    return frames[0]


def check_medium(medium: Medium, takes: Takes, model: str, dataset: str) -> None:
    """Refuses to show clips to what takes pictures, before anything is loaded.

    Raises:
        Unavailable: it takes none.
    """
    if medium == "clip" and takes == "image":
        raise Unavailable(
            f"{model} takes pictures, and {dataset} has clips. Use a model that takes frames or video."
        )
