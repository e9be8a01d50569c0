"""Networks of timm by name, those with names of former versions included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.tools.third_party import warnings_never_raise

if TYPE_CHECKING:
    import torch


def build(
    architecture: str, *, num_classes: int, in_chans: int, size: tuple[int, int], **options: Any
) -> torch.nn.Module:
    """A network with random weights, for images of a size.

    Raises:
        TypeError, ValueError, RuntimeError, AssertionError: timm cannot build it.
    """
    from timm import create_model

    if _fixed_size(architecture):
        options["img_size"] = size
    with warnings_never_raise():  # timm warns of former names, and knows what they stand for
        model: torch.nn.Module = create_model(
            architecture, pretrained=False, num_classes=num_classes, in_chans=in_chans, **options
        )
    return model


def _fixed_size(architecture: str) -> bool:
    """Whether timm builds this architecture for one image size, given as `img_size`."""
    from timm.models import _registry, get_pretrained_cfg

    formers: dict[str, str | None] = getattr(_registry, "get_deprecated_models", dict)()
    config = get_pretrained_cfg(formers.get(architecture) or architecture)
    return config is not None and bool(config.fixed_input_size)
