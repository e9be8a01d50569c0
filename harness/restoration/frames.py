"""Restoring whatever has frames, by restorers that know pictures alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.restoration.base import LoadedRestorer
from harness.restoration.images import as_rgb, checked
from harness.stimuli import Clip, Picture, Pixels, Stimulus, pictures_of

# Frames of a clip that a restorer is handed at a time, unless it takes fewer pictures.
MOST_FRAMES = 16


def restored(loaded: LoadedRestorer, stimuli: Sequence[Stimulus]) -> list[Stimulus]:
    """Each stimulus with all of its frames restored; pictures go through together.

    Raises:
        ValueError: the restorer gave something else than one picture for each, or frames that differ in size.
    """
    pictures = [one.pixels for one in stimuli if isinstance(one, Picture)]
    done = iter(_restore(loaded, pictures) if pictures else ())
    return [Picture(next(done)) if isinstance(one, Picture) else _clip(loaded, one) for one in stimuli]


def _clip(loaded: LoadedRestorer, clip: Stimulus) -> Clip:
    frames = pictures_of(clip)
    step = min(MOST_FRAMES, getattr(loaded, "batch_size", MOST_FRAMES))
    done = [
        frame
        for start in range(0, len(frames), step)
        for frame in _restore(loaded, frames[start : start + step])
    ]
    if all(frame.ndim == 2 for frame in done):
        done = [frame[:, :, None] for frame in done]
    return Clip(np.stack([as_rgb(frame) for frame in done]), clip.fps or 1.0)


def _restore(loaded: LoadedRestorer, images: Sequence[Pixels]) -> list[Pixels]:
    made = loaded.restore(images)
    if len(made) != len(images):
        raise ValueError(f"the restorer made {len(made)} images out of {len(images)}")
    return [checked(image) for image in made]
