"""One epoch of training, and counting right answers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from harness.errors import ModelError
from harness.models.card import Card
from harness.training.augment import draw_moves
from harness.training.images import Images
from harness.training.recipe import Recipe
from harness.training.step import Step

if TYPE_CHECKING:
    import torch

# How often the loss is read: reading it waits for the GPU.
_LOOK_EVERY = 50


@dataclass(frozen=True)
class Learner:
    """A network that learns, changed in place by `train_epoch`.

    Attributes:
        model: on `device`, in channels-last memory order.
        optimizer: over all its parameters; its learning rate is set at each step.
        recipe: the fitted recipe.
        card: gives mean and std.
        device: torch device.
    """

    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    recipe: Recipe
    card: Card
    device: str

    @cached_property
    def step(self) -> Step:
        """One step of its training, whose recording lasts from epoch to epoch."""
        return Step(self.model, self.optimizer, self.recipe, self.card, self.device)


def train_epoch(
    learner: Learner, images: Images, epoch: int, advance: Callable[[int, float], None]
) -> tuple[float, float]:
    """Trains one epoch in place.

    All randomness (order, augmentation, dropout) follows from (seed, epoch), never from what ran before,
    so an epoch after a resume equals the same epoch of an uninterrupted run.

    Args:
        learner: the network.
        images: the training split.
        epoch: number of this epoch, from 0.
        advance: called with (batches done, mean loss so far) now and then and after the last batch.

    Returns:
        (mean loss, share right) over the images as trained on: augmented, weights in motion.

    Raises:
        ModelError: the loss is not a number.
    """
    import torch

    learner.model.train()
    recipe, size = learner.recipe, learner.recipe.batch_size
    generator = torch.Generator().manual_seed(derived_seed(recipe.seed, epoch, "images"))
    order = _shuffled(len(images.gold), size, generator)
    batches = torch.split(order.to(images.pixels.device), size)
    moves = torch.split(_moves(images, order, recipe, generator).to(learner.device), size)
    step = learner.step
    step.sums.zero_()
    with seeded(derived_seed(recipe.seed, epoch, "dropout"), learner.device):
        for done, batch in enumerate(batches, start=1):
            rate = recipe.learning_rate(epoch * len(batches) + done - 1, recipe.epochs * len(batches))
            moved = moves[done - 1] if recipe.augment else None
            step(images.pixels[batch], images.gold[batch], moved, rate)
            if done % _LOOK_EVERY == 0 or done == len(batches):
                loss = float(step.sums[0])
                _check_finite(loss, recipe, epoch)
                advance(done, loss / min(done * size, len(order)))
    loss, right = step.sums.tolist()
    return loss / len(order), right / len(order)


def count_right(model: torch.nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> int:
    """Number of images whose highest logit is the gold label: float32, no dropout, no augmentation."""
    import torch

    model.eval()
    right: list[torch.Tensor] = []
    with torch.inference_mode():
        for x, gold in batches:
            logits = model(x.contiguous(memory_format=torch.channels_last))
            right.append((logits.argmax(1) == gold).sum())
    return sum(int(one) for one in right)  # read at the end: a GPU is waited for once


def batches_per_epoch(n: int, size: int) -> int:
    """Batches that n training images make; a last batch of a single image is dropped.

    Batch normalisation of a 1x1 feature map cannot train on one image.
    """
    return math.ceil(n / size) - (n % size == 1)


def derived_seed(*parts: int | str) -> int:
    """A 63-bit seed of its own for every combination of parts, e.g. (seed, epoch, purpose)."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seeds torch's global generators inside the block and restores them after it."""
    import torch

    gpus = [torch.cuda.current_device()] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.manual_seed(seed)
        yield


def _shuffled(n: int, size: int, generator: torch.Generator) -> torch.Tensor:
    import torch

    order = torch.randperm(n, generator=generator)
    return order[: n - 1] if n % size == 1 else order


def _moves(images: Images, order: torch.Tensor, recipe: Recipe, generator: torch.Generator) -> torch.Tensor:
    """(N, 2, 3), drawn batch by batch; (0, 2, 3) without augmentation."""
    import torch

    if not recipe.augment:
        return torch.empty(0, 2, 3)
    height, width = images.pixels.shape[2:]
    batches = torch.split(order, recipe.batch_size)
    return torch.cat([draw_moves(len(batch), (height, width), generator) for batch in batches])


def _check_finite(loss: float, recipe: Recipe, epoch: int) -> None:
    if not math.isfinite(loss):
        raise ModelError(
            f"The loss of {recipe.architecture} is not a number in epoch {epoch + 1}. "
            f"Start over with --force and a lower --lr (now {recipe.lr:g}) or --clip (now {recipe.clip:g})."
        )
