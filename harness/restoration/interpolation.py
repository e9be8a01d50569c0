"""Interpolation to a larger size: controls, which add resolution and no content.

[restorations.bicubic-336]
adapter = "bicubic"
size = 336
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.identity import Identity, package_versions
from harness.models.base import Context
from harness.restoration.images import SIZE, check_size, checked, resized

# Raised whenever the same input comes out different; tests/golden holds outputs against it.
VERSION = 1


class Interpolation:
    """Resizes with Pillow's filters; grey stays grey.

    Args:
        context: unused, as there are no files.
        method: nearest, bicubic or lanczos.
        size: shorter side of the result, in pixels.

    Raises:
        UsageError: the size is impossible.
    """

    def __init__(self, *, context: Context, method: str, size: int = SIZE) -> None:
        del context
        self.method, self.size = method, check_size(size)

    def identity(self, device: str) -> Identity:
        """See `Restorer.identity`; the device changes nothing."""
        del device
        return Identity(
            model=self.method,
            weights="",
            adapter=str(VERSION),
            processor={"size": self.size},
            dtype="uint8",
            packages=package_versions("pillow"),
        )

    def load(self, device: str) -> Interpolation:
        """There is nothing to load."""
        del device
        return self

    def restore(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """See `LoadedRestorer.restore`."""
        method = Image.Resampling[self.method.upper()]
        return [resized(checked(image), self.size, method) for image in images]


nearest = partial(Interpolation, method="nearest")
bicubic = partial(Interpolation, method="bicubic")
lanczos = partial(Interpolation, method="lanczos")
