"""Decoded splits: one uint8 tensor in memory for training, streamed batches for the final counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.models.ahead import on_cuda
from harness.models.card import Card
from harness.models.pixels import to_tensor
from harness.training.recipe import Recipe

if TYPE_CHECKING:
    import torch

    from harness.datasets import Dataset

_CHUNK = 1024


@dataclass(frozen=True)
class Images:
    """The readable images of a split, in memory.

    Attributes:
        pixels: (N, C, H, W) uint8, at the network's input size. FER-2013 Training takes 66 MB.
        gold: (N,) int64 label indices, where the pixels are.
    """

    pixels: torch.Tensor
    gold: torch.Tensor

    def near(self, device: str) -> Images:
        """The same in the memory of a GPU, if they take no more than half of what it has left."""
        import torch

        if not on_cuda(device) or self.pixels.nbytes > torch.cuda.mem_get_info(device)[0] / 2:
            return self
        return Images(self.pixels.to(device), self.gold.to(device))

    def batches(self, card: Card, size: int, device: str) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yields (normalised images, gold) in order."""
        import torch

        for pixels, gold in zip(torch.split(self.pixels, size), torch.split(self.gold, size), strict=True):
            yield normalised(pixels.to(device), card), gold.to(device)


def fitted(recipe: Recipe, dataset: Dataset) -> Recipe:
    """The recipe with `input_size` and `in_chans` filled in from the first image."""
    image = dataset.pixels(0)
    height, width = image.shape[:2]
    return replace(
        recipe,
        input_size=recipe.input_size or (height, width),
        in_chans=recipe.in_chans or (1 if image.ndim == 2 else 3),
    )


def decode(dataset: Dataset, card: Card, asked: Recipe | None = None) -> Images:
    """Decodes a split into memory, at the card's input size and channels.

    Args:
        dataset: the split, see `Dataset.readable`.
        card: gives input size and channels; its mean and std are not applied.
        asked: the recipe as the user gave it. What it leaves open must be the same in all images.

    Raises:
        UsageError: the images differ in size or colour and `asked` does not say which to use.
    """
    import torch

    raw = replace(card, mean=(0.0,) * card.in_chans, std=(1.0,) * card.in_chans)
    pixels = torch.empty((len(dataset), card.in_chans, *card.input_size), dtype=torch.uint8)
    for indices, images in _chunks(dataset, _CHUNK):
        if asked is not None:
            _check_uniform(images, card, asked, dataset)
        values = to_tensor(images, raw, "cpu").mul_(255).round_()
        pixels[indices.start : indices.stop] = values.to(torch.uint8)
    return Images(pixels, torch.from_numpy(np.asarray(dataset.gold, dtype=np.int64)))


def streamed(
    dataset: Dataset, card: Card, size: int, device: str
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yields (normalised images, gold), exactly as an evaluation of the checkpoint sees them."""
    import torch

    gold = torch.from_numpy(np.asarray(dataset.gold, dtype=np.int64))
    for indices, images in _chunks(dataset, size):
        yield to_tensor(images, card, device), gold[indices.start : indices.stop].to(device)


def normalised(pixels: torch.Tensor, card: Card) -> torch.Tensor:
    """(N, C, H, W) uint8 pixels as float32, scaled to [0, 1], then by the card's mean and std."""
    import torch

    mean, std = (torch.tensor(v, device=pixels.device).view(1, -1, 1, 1) for v in (card.mean, card.std))
    return (pixels.to(torch.float32) / 255 - mean) / std


def mean_std(pixels: torch.Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel of (N, C, H, W) uint8 pixels, on the scale [0, 1]."""
    import torch

    means, stds = [], []
    values = np.arange(256) / 255
    for channel in pixels.unbind(dim=1):
        counts = np.zeros(256)
        for part in torch.split(channel, _CHUNK):
            counts += np.bincount(part.numpy().ravel(), minlength=256)
        weights = counts / counts.sum()
        mean = float(weights @ values)
        means.append(mean)
        # A constant split has no spread to divide by.
        stds.append(float(np.sqrt(weights @ (values - mean) ** 2)) or 1.0)
    return tuple(means), tuple(stds)


def _chunks(dataset: Dataset, size: int) -> Iterator[tuple[range, list[NDArray[np.uint8]]]]:
    for start in range(0, len(dataset), size):
        indices = range(start, min(start + size, len(dataset)))
        yield indices, [dataset.pixels(index) for index in indices]


def _check_uniform(images: list[NDArray[np.uint8]], card: Card, asked: Recipe, dataset: Dataset) -> None:
    for image in images:
        if asked.input_size is None and image.shape[:2] != card.input_size:
            raise UsageError(f"The images of {dataset} differ in size. Give one with --input-size.")
        if asked.in_chans is None and (1 if image.ndim == 2 else 3) != card.in_chans:
            raise UsageError(f"{dataset} mixes grey and colour images. Give --in-chans 1 or 3.")
