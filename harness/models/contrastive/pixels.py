"""From decoded pixels to what an image tower reads: open_clip's own preprocessing, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import ModelError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Preprocessing:
    """The steps of open_clip's evaluation transform, with the same result to the last bit.

    Sizes are changed image by image, as there. Scaling and normalising is done to the whole batch, in place:
    image by image that takes longer than a twentieth of the image tower of ViT-B-32.

    Attributes:
        resized: a PIL image -> one in the size and the mode of the model.
        normalise: scaled values (N, 3, H, W) -> normalised ones.
    """

    resized: Callable[[Any], Any]
    normalise: Callable[[torch.Tensor], torch.Tensor]

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
        return cls(Compose(steps), Normalize(normalise.mean, normalise.std, inplace=True))

    def __call__(self, images: Sequence[NDArray[np.uint8]], device: str) -> torch.Tensor:
        """Values (N, 3, H, W) on a device of N images (H, W) or (H, W, 3), whose sizes may differ."""
        import torch
        from PIL import Image

        # Grey images are resized as one channel; the last step repeats it.
        pixels = np.stack([np.asarray(self.resized(Image.fromarray(image))) for image in images])
        batch = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).contiguous()
        return self.normalise(batch.to(torch.float32).div_(255))
