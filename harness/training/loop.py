"""One epoch of training, and counting right answers."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import ModelError
from harness.models.card import Card
from harness.training.augment import augment
from harness.training.images import Images, normalised
from harness.training.recipe import Recipe

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
    from torch.nn.functional import cross_entropy

    model, recipe, device = learner.model.train(), learner.recipe, learner.device
    generator = torch.Generator().manual_seed(derived_seed(recipe.seed, epoch, "images"))
    batches = _shuffled(len(images.gold), recipe.batch_size, generator)
    sums, seen = torch.zeros(2, device=device), 0
    with seeded(derived_seed(recipe.seed, epoch, "dropout"), device):
        for done, batch in enumerate(batches, start=1):
            x, gold = normalised(images.pixels[batch].to(device), learner.card), images.gold[batch].to(device)
            if recipe.augment:
                x = augment(x, generator)
            with torch.autocast(x.device.type, torch.bfloat16, enabled=recipe.dtype == "bfloat16"):
                logits = model(x.contiguous(memory_format=torch.channels_last))
                loss = cross_entropy(logits, gold, label_smoothing=recipe.label_smoothing)
            for group in learner.optimizer.param_groups:
                step = epoch * len(batches) + done - 1
                group["lr"] = recipe.learning_rate(step, recipe.epochs * len(batches))
            learner.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            learner.optimizer.step()
            seen += len(batch)
            sums += torch.stack([loss.detach() * len(batch), (logits.argmax(1) == gold).sum()])
            if done % _LOOK_EVERY == 0 or done == len(batches):
                _check_finite(float(sums[0]), recipe, epoch)
                advance(done, float(sums[0]) / seen)
    return float(sums[0]) / seen, float(sums[1]) / seen


def count_right(model: torch.nn.Module, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> int:
    """Number of images whose highest logit is the gold label: float32, no dropout, no augmentation."""
    import torch

    model.eval()
    right = 0
    with torch.inference_mode():
        for x, gold in batches:
            logits = model(x.contiguous(memory_format=torch.channels_last))
            right += int((logits.argmax(1) == gold).sum())
    return right


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


def _shuffled(n: int, size: int, generator: torch.Generator) -> list[torch.Tensor]:
    import torch

    order = torch.randperm(n, generator=generator)
    return list(torch.split(order, size))[: batches_per_epoch(n, size)]


def _check_finite(loss: float, recipe: Recipe, epoch: int) -> None:
    if not math.isfinite(loss):
        raise ModelError(
            f"The loss of {recipe.architecture} is not a number in epoch {epoch + 1}. "
            f"Start over with --force and a lower --lr (now {recipe.lr:g}) or --clip (now {recipe.clip:g})."
        )
