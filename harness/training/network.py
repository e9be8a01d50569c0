"""Makes a timm network with random weights and checks that it takes the images."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError, UsageError, out_of_memory
from harness.models.ahead import on_cuda
from harness.models.architecture import build
from harness.training.recipe import Recipe

if TYPE_CHECKING:
    import torch


def create(recipe: Recipe, num_classes: int, device: str) -> torch.nn.Module:
    """Builds the network of a recipe, on `device`, in channels-last memory order.

    timm's VGGs pool or repeat their last feature map to 7x7 before the first dense layer, so they take
    48 px images (a 1x1 map) as they are. Transformers with a fixed input get the recipe's size.

    Raises:
        UsageError: timm has no such architecture, or it does not take images of this size.
    """
    import torch

    check_architecture(recipe.architecture)
    assert recipe.input_size is not None
    options = {"drop_rate": recipe.drop_rate} if recipe.drop_rate else {}
    channels, (height, width) = recipe.in_chans or 3, recipe.input_size
    try:
        model = build(
            recipe.architecture, num_classes=num_classes, in_chans=channels, size=(height, width), **options
        )
        with torch.inference_mode():
            answer = model.eval()(torch.zeros(2, channels, height, width))
        assert answer.shape == (2, num_classes), f"it answers {tuple(answer.shape)}"
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise UsageError(
            f"{recipe.architecture} cannot be built for {height}x{width} images ({error}). "
            f"Give another --input-size{_usual_size(recipe.architecture)} or another architecture."
        ) from error
    return model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def optimizer(model: torch.nn.Module, recipe: Recipe, device: str) -> torch.optim.Optimizer:
    """The optimizer of a recipe; on a GPU fused, with a rate that recorded steps read."""
    import torch

    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    options: dict[str, Any] = {"lr": recipe.lr}
    if on_cuda(device):
        options = {"lr": torch.tensor(recipe.lr, device=device), "fused": True, "capturable": True}
    return kind(model.parameters(), weight_decay=recipe.weight_decay, **options)


def check_architecture(name: str) -> None:
    """Raises a UsageError with the nearest names when timm does not know this one."""
    import timm

    if timm.is_model(name):
        return
    near = difflib.get_close_matches(name.lower(), timm.list_models(), n=3)
    hint = f"Did you mean {', '.join(near)}?" if near else "List the names with timm.list_models()."
    raise UsageError(f"timm {timm.__version__} has no architecture {name!r}. {hint}")


def choose_device(device: str) -> str:
    """Resolves `auto` and checks the rest.

    Raises:
        UsageError: the device is unknown or absent here.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"Device {device!r} cannot be used here ({reason}). Use --device cpu.") from error
    return device


@contextmanager
def out_of_memory_named(batch_size: int) -> Iterator[None]:
    """Turns running out of memory into one line that names the fix."""
    try:
        yield
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise ModelError(
            f"Training ran out of memory with batches of {batch_size} images. "
            f"Retry with --batch-size {max(2, batch_size // 2)}."
        ) from error


def _usual_size(architecture: str) -> str:
    import timm

    config = timm.get_pretrained_cfg(architecture)
    return f" (it was designed for {config.input_size[-1]})" if config is not None else ""
