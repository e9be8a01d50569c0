"""From decoded pixels to the tensor a CNN expects; evaluation and training share it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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
    import torch

    if len({image.shape for image in images}) == 1:
        batch = _resized(torch.from_numpy(np.stack(images)).to(device), card)
    else:
        batch = torch.cat(
            [_resized(torch.from_numpy(np.stack([image])).to(device), card) for image in images]
        )
    mean, std = (torch.tensor(v, device=device).view(1, -1, 1, 1) for v in (card.mean, card.std))
    return (batch - mean) / std


def _resized(batch: torch.Tensor, card: Card) -> torch.Tensor:
    import torch
    from torch.nn.functional import interpolate

    channels = batch.unsqueeze(1) if batch.ndim == 3 else batch.permute(0, 3, 1, 2)
    values = channels.to(torch.float32) / 255
    if values.shape[1] == 3 and card.in_chans == 1:
        values = (values * torch.tensor(LUMA, device=values.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
    if values.shape[1] == 1 and card.in_chans == 3:
        values = values.expand(-1, 3, -1, -1)
    if tuple(values.shape[2:]) != card.input_size:
        values = interpolate(values, size=card.input_size, mode="bicubic", antialias=True).clamp(0, 1)
    return values
