"""Random geometry for training batches: flip, rotate, scale, shift in one resampling.

It runs on batches inside the training step, so it can only ever touch the training split; augmenting
before a split leaks near copies into the test images and explains several published 90 % results.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

ROTATION = 10.0  # degrees, either way
SCALE = 0.10  # share of the size, either way
SHIFT = 0.075  # share of height and width, either way


def augment(images: torch.Tensor, moves: torch.Tensor) -> torch.Tensor:
    """Transforms every image on its own; what leaves the frame is replaced by repeating the edge.

    Args:
        images: (N, C, H, W), floating point.
        moves: (N, 2, 3), what `draw_moves` gave.

    Returns:
        A new tensor of the same shape, dtype and device.
    """
    from torch.nn.functional import affine_grid, grid_sample

    grid = affine_grid(moves.to(images.dtype), list(images.shape), align_corners=False)
    return grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def draw_moves(n: int, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """Draws what is to happen to n images.

    Half of them are mirrored, all are rotated by up to 10 degrees, scaled by up to 10 % and shifted by up to
    7.5 %.

    Args:
        n: how many.
        size: their height and width.
        generator: CPU generator, the only source of randomness. Draws do not depend on the device.

    Returns:
        (n, 2, 3) maps from output to input coordinates in [-1, 1], on the CPU.
    """
    import torch

    angle, scale, across, down = (2 * torch.rand((4, n), generator=generator) - 1).unbind()
    mirror = 1 - 2 * torch.randint(0, 2, (n,), generator=generator).float()
    angle = angle * math.radians(ROTATION)
    scale = 1 + scale * SCALE
    cos, sin = angle.cos() / scale, angle.sin() / scale
    aspect = size[0] / size[1]
    # Coordinates are relative to the sides, so a rotation of pixels shears unless the aspect is undone.
    rows = (mirror * cos, -mirror * sin * aspect, across * 2 * SHIFT, sin / aspect, cos, down * 2 * SHIFT)
    return torch.stack(rows, dim=1).view(n, 2, 3)
