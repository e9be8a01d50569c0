"""Pillow's resizing of 8-bit pictures to the last bit, as two matrix products on whatever device they are.

Pillow (`libImaging/Resample.c`) changes the width, then the height, or the other way round. For a pair of
sizes each of the two is a product with fixed coefficients of 22 bits, to which a half is added before the
fraction is cut off and the result clipped to 0..255. Those sums have fewer than 53 bits, so float64 computes
them exactly in any order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    import torch

_BITS = 22
# Of float64 at a time, a quarter of a gigabyte: 640 grey pictures of 224 pixels, or 30 photographs of 600.
_VALUES = 1 << 25
# Until then the width always came first, but for strips a hundred times as high as wide.
_MIXED_ORDER = int(PIL.__version__.partition(".")[0]) >= 13


def resize(
    pixels: torch.Tensor,
    size: tuple[int, int],
    method: Image.Resampling,
    crop: tuple[slice, slice] = (slice(None), slice(None)),
) -> torch.Tensor:
    """Pictures in another size, each pixel as `Image.resize` gives it for a grey or an RGB picture.

    Args:
        pixels: (N, C, H, W) uint8, on a device that computes in float64.
        size: (height, width) to resize to.
        method: bilinear, bicubic or lanczos.
        crop: rows and columns of the result that are wanted, of which alone it is made.

    Returns:
        (N, C, height, width) uint8, or what `crop` leaves of it.
    """
    import torch

    rows, columns = (
        _matrix(old, new, method, (part.start, part.stop), str(pixels.device))
        for old, new, part in zip(pixels.shape[2:], size, crop, strict=True)
    )
    passes = [partial(_pass, dim=3, share=columns, part=crop[1], same=pixels.shape[3] == size[1])]
    passes.append(partial(_pass, dim=2, share=rows, part=crop[0], same=pixels.shape[2] == size[0]))
    if _height_first((pixels.shape[2], pixels.shape[3]), size):
        passes.reverse()
    largest = pixels.shape[1] * max(pixels.shape[2], len(rows)) * max(pixels.shape[3], len(columns))
    parts = []
    for part in torch.split(pixels, max(1, _VALUES // largest)):
        for one in passes:
            part = one(part)
        parts.append(part)
    return torch.cat(parts)


@lru_cache(maxsize=1)
def holds() -> bool:
    """Whether the installed Pillow resizes so: a picture each way, by every method."""
    import torch

    picture = np.random.default_rng(0).integers(0, 256, (31, 48), np.uint8)
    pixels = torch.from_numpy(picture)[None, None]
    return all(
        np.array_equal(
            resize(pixels, size, method)[0, 0].numpy(),
            np.asarray(Image.fromarray(picture).resize(size[::-1], method)),
        )
        for size in ((64, 96), (11, 13), (12, 96))
        for method in _FILTERS
    )


def _height_first(old: tuple[int, int], new: tuple[int, int]) -> bool:
    if not _MIXED_ORDER:
        return old[0] > 100 * old[1] and new[0] < old[0]
    return old[0] - new[0] > max(0, 2 * (old[1] - new[1]))


def _pass(pixels: torch.Tensor, *, dim: int, share: torch.Tensor, part: slice, same: bool) -> torch.Tensor:
    """Changes one side of pictures."""
    import torch

    if same:
        return pixels[:, :, part] if dim == 2 else pixels[..., part]
    values = share @ pixels.double() if dim == 2 else pixels.double() @ share.T
    # Becoming whole numbers cuts the fraction off, which is no rounding below 0: there is nothing left there.
    return values.add_(0.5).clamp_(0, 255).to(torch.uint8)


@lru_cache(maxsize=512)  # photographs have thousands of sizes, of which the last ones are kept
def _matrix(
    old: int, new: int, method: Image.Resampling, wanted: tuple[int | None, int | None], device: str
) -> torch.Tensor:
    import torch

    return torch.from_numpy(coefficients(old, new, method)[slice(*wanted)].copy()).to(device)


def coefficients(old: int, new: int, method: Image.Resampling) -> NDArray[np.float64]:
    """Shares (new, old) of old pixels in new ones, multiples of 2 ** -22.

    In the words and the order of Pillow's `precompute_coeffs` and `normalize_coeffs_8bpc`.

    Raises:
        KeyError: the method is none of the three.
    """
    reach, weight = _FILTERS[method]
    scale = old / new
    stretch = max(scale, 1.0)
    shares = np.zeros((new, old))
    for place in range(new):
        center = (place + 0.5) * scale
        first = max(int(center - reach * stretch + 0.5), 0)
        last = min(int(center + reach * stretch + 0.5), old)
        weights = [weight((x - center + 0.5) * (1.0 / stretch)) for x in range(first, last)]
        total = 0.0
        for one in weights:  # one after the other: `sum` corrects its rounding since Python 3.12
            total += one
        if total != 0.0:
            weights = [one / total for one in weights]
        shares[place, first:last] = [math.trunc(one * 2**_BITS + math.copysign(0.5, one)) for one in weights]
    shares /= 2**_BITS
    return shares


def _bilinear(x: float) -> float:
    x = abs(x)
    return 1.0 - x if x < 1.0 else 0.0


def _bicubic(x: float) -> float:
    x, a = abs(x), -0.5
    if x < 1.0:
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    if x < 2.0:
        return (((x - 5) * x + 8) * x - 4) * a
    return 0.0


def _lanczos(x: float) -> float:
    return _sinc(x) * _sinc(x / 3) if -3.0 <= x < 3.0 else 0.0


def _sinc(x: float) -> float:
    return math.sin(x * math.pi) / (x * math.pi) if x != 0.0 else 1.0


_FILTERS: dict[Image.Resampling, tuple[float, Callable[[float], float]]] = {
    Image.Resampling.BILINEAR: (1.0, _bilinear),
    Image.Resampling.BICUBIC: (2.0, _bicubic),
    Image.Resampling.LANCZOS: (3.0, _lanczos),
}
