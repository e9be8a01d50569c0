"""What a training run is asked to do, complete enough to repeat it."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

from harness.errors import UsageError

# Bump when training itself changes (augmentation, schedule, order of random draws): a run that was
# interrupted under another version cannot be continued bit by bit.
VERSION = "1"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training from scratch.

    Attributes:
        architecture: any timm name, e.g. `resnet50`.
        epochs: passes over the training split.
        optimizer: `adam` (weight decay is added to the gradient) or `adamw` (decoupled).
        lr: peak learning rate, after the warm-up.
        weight_decay: see `optimizer`.
        batch_size: images per step; evaluation takes four times as many.
        label_smoothing: share of the target spread evenly over all classes, in [0, 1).
        clip: largest gradient norm. EfficientNet-B0 does not learn on 48 px images without one.
        warmup: share of all steps with a linearly rising rate; a cosine to zero follows. In [0, 1).
        drop_rate: dropout before the classifier, in [0, 1).
        input_size: (height, width) in pixels, at least 2 each, or None for the size of the training images.
        in_chans: 1 (grey), 3 (RGB), or None for what the training images have.
        augment: flip, rotate, scale and shift training images.
        seed: decides the initial weights, the order of images, augmentation and dropout.
        dtype: `float32`, or `bfloat16` for autocast (weights stay float32).
        device: torch device, or `auto` for the GPU when there is one.

    Raises:
        UsageError: a value is out of range.
    """

    architecture: str
    epochs: int = 60
    optimizer: str = "adam"
    lr: float = 1e-3
    weight_decay: float = 0.0
    batch_size: int = 64
    label_smoothing: float = 0.0
    clip: float = 1.0
    warmup: float = 0.05
    drop_rate: float = 0.0
    input_size: tuple[int, int] | None = None
    in_chans: int | None = None
    augment: bool = True
    seed: int = 0
    dtype: str = "float32"
    device: str = "auto"

    @classmethod
    def published(cls, architecture: str, **changes: Any) -> Recipe:
        """The recipe of Mulukutla et al. 2025 (arXiv 2508.13524), as far as the paper states it.

        Stated: Adam, batch 64, cross-entropy, "60/30 epochs" (here 30 for EfficientNets, 60 for the
        others). The rest are the defaults of `Recipe`, except that VGGs without batch normalisation get a
        rate of 1e-4: with 1e-3, VGG19's loss stood at ln 7 after an epoch of 4,000 FER-2013 images.

        Args:
            architecture: timm name.
            **changes: fields of `Recipe` that differ.
        """
        values: dict[str, Any] = {}
        if architecture.startswith("efficientnet"):
            values["epochs"] = 30
        if architecture.startswith("vgg") and "_bn" not in architecture:
            values["lr"] = 1e-4
        return cls(architecture=architecture, **{**values, **changes})

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 2), ("seed", 0)):
            value = getattr(self, name)
            if not isinstance(value, int) or value < least:
                raise _expected(name, f"an integer of at least {least}", value)
        for name in ("label_smoothing", "warmup", "drop_rate"):
            if not 0 <= getattr(self, name) < 1:
                raise _expected(name, "a number in [0, 1)", getattr(self, name))
        for name in ("lr", "clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise _expected(name, "a number larger than 0", getattr(self, name))
        if not 0 <= self.weight_decay < math.inf:
            raise _expected("weight_decay", "a number of at least 0", self.weight_decay)
        if self.optimizer not in ("adam", "adamw"):
            raise _expected("optimizer", "adam or adamw", self.optimizer)
        if self.dtype not in ("float32", "bfloat16"):
            raise _expected("dtype", "float32 or bfloat16", self.dtype)
        if self.in_chans not in (None, 1, 3):
            raise _expected("in_chans", "1 or 3", self.in_chans)
        if self.input_size is not None and (len(self.input_size) != 2 or min(self.input_size) < 2):
            raise _expected("input_size", "a height and a width of at least 2 pixels", self.input_size)

    def digest(self) -> str:
        """sha256 of everything that decides the weights; the device is left out, so a run may move."""
        values = {**asdict(self), "version": VERSION}
        del values["device"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def learning_rate(self, step: int, steps: int) -> float:
        """Learning rate of one step: linear warm-up to `lr`, then a cosine towards zero.

        Args:
            step: number of steps already taken, 0 <= step < steps.
            steps: steps of the whole training.
        """
        warm = round(self.warmup * steps)
        if step < warm:
            return self.lr * (step + 1) / (warm + 1)
        return self.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


def _expected(name: str, wanted: str, got: object) -> UsageError:
    option = name.replace("_", "-")
    return UsageError(f"Expected `{name}` to be {wanted}, but got {got!r}. Change --{option}.")
