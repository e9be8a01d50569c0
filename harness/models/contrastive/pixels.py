"""From decoded pixels to what an image tower reads: open_clip's own preprocessing, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.errors import ModelError
from harness.models.ahead import Stacks, on_cuda
from harness.models.resize import resize

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Preprocessing:
    """The steps of open_clip's evaluation transform, with the same result to the last bit.

    On a GPU a batch is resized there, where torchvision's `Resize` and `CenterCrop` are all there is to do;
    elsewhere Pillow does it, image by image. Both are 8-bit pixels. Scaling and normalising is done to the
    whole batch: image by image that takes longer than a twentieth of the image tower of ViT-B-32.

    Attributes:
        resized: a PIL image -> one in the size and the mode of the model.
        mean: per channel, of scaled values.
        std: per channel.
        placing: the same as `resized` for a batch of pixels; None where that is not known.
    """

    resized: Callable[[Any], Any]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    placing: Placing | None

    @classmethod
    def of(cls, transform: Any) -> Preprocessing:
        """Takes a transform of open_clip apart.

        Raises:
            ModelError: it does not end as those of the versions known to the harness do.
        """
        from torchvision.transforms import Compose, Normalize, ToTensor

        *steps, scale, normalise = transform.transforms
        if not (isinstance(scale, ToTensor) and isinstance(normalise, Normalize)):
            raise ModelError(
                "This version of open_clip prepares images in an unknown way. Install open_clip_torch 3.3."
            )
        resized = Compose(steps)
        placing = Placing.of(steps)
        if placing is not None and not _alike(resized, placing):
            placing = None
        return cls(resized, tuple(normalise.mean), tuple(normalise.std), placing)

    def prepare(self, images: Sequence[NDArray[np.uint8]], device: str) -> Stacks:
        """N images (H, W) or (H, W, 3), whose sizes may differ, on their way to a device; needs no device."""
        if self.placing is None or not on_cuda(device):
            # Grey images are resized as one channel; the last step repeats it.
            images = [np.asarray(self.resized(Image.fromarray(image))) for image in images]
        return Stacks.of(images, device)

    def values(self, prepared: Stacks, device: str) -> torch.Tensor:
        """Values (N, 3, H, W) on the device."""
        import torch

        placing = self.placing if on_cuda(device) else None
        mixed = len({stack.ndim for stack in prepared.stacks}) > 1

        def placed(batch: torch.Tensor) -> torch.Tensor:
            batch = placing(batch) if placing else batch.contiguous()
            return _coloured(batch) if mixed else batch

        scale, mean, std = (_constant(values, device) for values in ((255.0,), self.mean, self.std))
        # By a tensor: torch divides by a plain number on a GPU by multiplying with its rounded inverse.
        scaled = prepared.map(placed, device).to(torch.float32).div_(scale.squeeze())
        centred = scaled.sub_(mean) if scaled.shape[1] == 3 else scaled.sub(mean)  # grey becomes colour
        return centred.div_(std)


@dataclass(frozen=True)
class Placing:
    """torchvision's `Resize` and, after it, `CenterCrop`, of 8-bit pixels as Pillow resizes them.

    Attributes:
        size: height and width, or the length of the shorter side.
        method: the filter of Pillow.
        crop: height and width of what is kept, or None for all.
    """

    size: tuple[int, ...]
    method: Image.Resampling
    crop: tuple[int, int] | None

    @classmethod
    def of(cls, steps: Sequence[Any]) -> Placing | None:
        """Recognises the steps before scaling, the last of which makes pictures RGB; None for others."""
        from torchvision.transforms import CenterCrop, Resize

        kinds = [type(step) for step in steps[:-1]]
        if kinds not in ([Resize], [Resize, CenterCrop]) or steps[0].max_size is not None:
            return None
        size = steps[0].size if isinstance(steps[0].size, Sequence) else (steps[0].size,)
        method = {kind.name.lower(): kind for kind in Image.Resampling}.get(steps[0].interpolation.value)
        if method not in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS):
            return None
        return cls(tuple(size), method, tuple(steps[1].size) if len(kinds) == 2 else None)

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) uint8 pixels in the size of the model."""
        height, width = pixels.shape[2:]
        if len(self.size) == 2:
            new = (self.size[0], self.size[1])
        elif width <= height:
            new = (int(self.size[0] * height / width), self.size[0])
        else:
            new = (self.size[0], int(self.size[0] * width / height))
        if self.crop is None:
            return resize(pixels, new, self.method)
        top, left = (round((old - kept) / 2) for old, kept in zip(new, self.crop, strict=True))
        return resize(
            pixels, new, self.method, (slice(top, top + self.crop[0]), slice(left, left + self.crop[1]))
        )


def _alike(resized: Callable[[Any], Any], placing: Placing) -> bool:
    """Whether a placing does as the steps it was taken for: versions of Pillow and torchvision differ."""
    import torch

    rng = np.random.default_rng(0)
    for shape in ((48, 48), (61, 97, 3), (300, 200, 3), (230, 700)):
        picture = rng.integers(0, 256, shape, np.uint8)
        theirs = np.asarray(resized(Image.fromarray(picture)))
        pixels = torch.from_numpy(np.atleast_3d(picture)).permute(2, 0, 1)[None]
        if not np.array_equal(_coloured(placing(pixels))[0].permute(1, 2, 0).numpy(), theirs):
            return False
    return True


def _coloured(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.expand(-1, 3, -1, -1)


@lru_cache(maxsize=64)  # what is copied to a GPU makes it wait
def _constant(values: tuple[float, ...], device: str) -> torch.Tensor:
    import torch

    return torch.tensor(values, device=device).view(1, -1, 1, 1)
