"""From decoded pixels to the tensor a CNN expects; evaluation and training share it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.models.ahead import Stacks

if TYPE_CHECKING:
    import torch

    from harness.models.card import Card

# ITU-R BT.601 luma, the weights Pillow uses for RGB -> L.
LUMA = (0.299, 0.587, 0.114)


def to_tensor(images: Sequence[NDArray[np.uint8]], card: Card, device: str) -> torch.Tensor:
    """Stacks images into a normalised float32 tensor.

    Args:
        images: arrays (H, W) or (H, W, 3), uint8; sizes may differ.
        card: gives channels, input size, mean and std.
        device: torch device of the result.

    Returns:
        (N, card.in_chans, *card.input_size), scaled to [0, 1], then normalised.
    """
    return normalised(Stacks.of(images, device), card, device)


def normalised(stacks: Stacks, card: Card, device: str) -> torch.Tensor:
    """`to_tensor` of pictures that have been stacked."""
    mean, std = (_constant(values, device) for values in (card.mean, card.std))
    return (stacks.map(partial(_resized, card=card), device) - mean) / std


@lru_cache(maxsize=64)  # what is copied to a GPU makes it wait
def _constant(values: tuple[float, ...], device: str) -> torch.Tensor:
    import torch

    return torch.tensor(values, device=device).view(1, -1, 1, 1)


def _resized(channels: torch.Tensor, card: Card) -> torch.Tensor:
    import torch
    from torch.nn.functional import interpolate

    values = channels.to(torch.float32) / 255
    if values.shape[1] == 3 and card.in_chans == 1:
        values = (values * _constant(LUMA, str(values.device))).sum(1, keepdim=True)
    if values.shape[1] == 1 and card.in_chans == 3:
        values = values.expand(-1, 3, -1, -1)
    if tuple(values.shape[2:]) != card.input_size:
        values = interpolate(values, size=card.input_size, mode="bicubic", antialias=True).clamp(0, 1)
    return values
