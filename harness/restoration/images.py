"""Pixels on the way into a restorer and out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.datasets.pixels import MAX_PIXELS
from harness.errors import UsageError

if TYPE_CHECKING:
    import torch

# The shorter side of restored images where an entry says nothing. All restorers have the same, so that
# the difference between two of them is never one of resolution.
SIZE = 224
LARGEST = 4096
# A picture of 60,000 x 1 pixels, 140 bytes as PNG, would take 9 GB at 224 pixels: what comes out is at most
# this many times as long as wide, and never more than may be decoded.
LONGEST = 16
SMALL = 1024 * 1024  # and this much it may always be
# What a network is shown that takes every size: on a CPU it needs a gigabyte for each of its layers at that.
MAX_INPUT = 2048 * 2048
COLOURS = ("keep", "grey")

Pixels = NDArray[np.uint8]


def checked(image: Pixels) -> Pixels:
    """The image, if a restorer can do something with it.

    Raises:
        ValueError: it is not uint8 of shape (H, W) or (H, W, 3), or it is empty.
    """
    form = image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    if image.dtype != np.uint8 or not form or 0 in image.shape:
        raise ValueError(
            "Expected pixels to be uint8 of shape (H, W) or (H, W, 3) with at least one pixel, but got "
            f"{image.dtype} of shape {image.shape}"
        )
    return image


def resized(image: Pixels, size: int, method: Image.Resampling) -> Pixels:
    """The image with its shorter side at `size` pixels.

    Raises:
        ValueError: it would be larger than a restored image may be.
    """
    return in_size(image, target(image, size), method)


def in_size(image: Pixels, size: tuple[int, int], method: Image.Resampling) -> Pixels:
    """The image in another (height, width)."""
    if size == image.shape[:2]:
        return image
    return np.asarray(Image.fromarray(image).resize(size[::-1], method))


def target(image: Pixels, size: int) -> tuple[int, int]:
    """Height and width of an image once its shorter side is `size` pixels.

    Raises:
        ValueError: it would be larger than a restored image may be.
    """
    height, width = image.shape[:2]
    scale = size / min(height, width)
    new = (round(height * scale), round(width * scale))
    if new[0] * new[1] > (most := min(max(LONGEST * size * size, SMALL), MAX_PIXELS)):
        raise ValueError(
            f"{width} x {height} pixels would become {new[1]} x {new[0]}, more than the {most:,} that "
            "a restored image may have"
        )
    return new


def as_rgb(image: Pixels) -> Pixels:
    """(H, W, 3), with equal channels where the image is grey."""
    return image if image.ndim == 3 else np.repeat(image[:, :, None], 3, axis=2)


def as_grey(image: Pixels) -> Pixels:
    """(H, W) by the weights of ITU-R BT.601, as Pillow does it."""
    return image if image.ndim == 2 else np.asarray(Image.fromarray(image).convert("L"))


def luma(pixels: torch.Tensor) -> torch.Tensor:
    """`as_grey` of (N, 3, H, W) uint8 pixels on a device: (N, 1, H, W), as Pillow rounds them."""
    import torch

    red, green, blue = pixels.int().unbind(1)
    sums = red * 19595 + green * 38470 + blue * 7471 + 0x8000
    return (sums >> 16).to(torch.uint8).unsqueeze(1)


def check_size(size: object) -> int:
    """A size that an entry gives.

    Raises:
        UsageError: it is no whole number between 1 and 4,096.
    """
    if type(size) is not int or not 1 <= size <= LARGEST:
        raise UsageError(f"Expected `size` to be a whole number from 1 to {LARGEST:,}, but got {size!r}.")
    return size


def check_colour(colour: str) -> str:
    """What an entry wants of colours.

    Raises:
        UsageError: it is neither `keep` nor `grey`.
    """
    if colour not in COLOURS:
        raise UsageError(f"Expected `colour` to be one of {', '.join(COLOURS)}, but got {colour!r}.")
    return colour
