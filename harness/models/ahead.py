"""What adapters on torch have beside a forward pass: pixels on their way in, numbers on their way out."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Stacks:
    """Decoded pictures in the computer's memory, those of one shape together.

    Attributes:
        stacks: (n, H, W) or (n, H, W, 3) uint8, one per shape.
        places: which of the pictures each holds.
    """

    stacks: tuple[torch.Tensor, ...]
    places: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, images: Sequence[NDArray[np.uint8]], device: str) -> Stacks:
        """Stacks N pictures (H, W) or (H, W, 3), where a device that is not the CPU can fetch them itself."""
        import torch

        groups = alike([image.shape for image in images])
        stacks = [torch.from_numpy(np.stack([images[i] for i in places])) for places in groups]
        if on_cuda(device):
            stacks = [stack.pin_memory() for stack in stacks]
        return cls(tuple(stacks), tuple(map(tuple, groups)))

    def map(self, change: Callable[[torch.Tensor], torch.Tensor], device: str) -> torch.Tensor:
        """What `change` makes of (n, C, H, W) pixels on a device, in the order of the pictures."""
        import torch

        parts = []
        for stack in self.stacks:
            pixels = stack.to(device, non_blocking=True)
            parts.append(change(pixels.unsqueeze(1) if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)))
        if len(parts) == 1:
            return parts[0]
        order = torch.tensor([place for places in self.places for place in places]).argsort()
        return torch.cat(parts)[order.to(device)]


@runtime_checkable
class Preparing(Protocol):
    """A loaded classifier or contrastive model that can be kept busy, see `harness.engine.ahead`.

    Prepared and put forward, pictures get the numbers that `classify` or `embed_images` gives.
    """

    def prepare(self, images: Sequence[NDArray[np.uint8]]) -> Any:
        """What `forward` reads of N decoded images; needs no device, and may run in another thread."""

    def forward(self, prepared: Any) -> Pending:
        """Begins to compute, and waits for nothing."""


class Pending:
    """Numbers that a device will have computed by the time they are asked for.

    Args:
        numbers: a tensor on any device; what computes it may still be under way.
    """

    def __init__(self, numbers: torch.Tensor) -> None:
        import torch

        self._there = None
        if numbers.is_cuda:
            numbers = numbers.to("cpu", non_blocking=True)
            self._there = torch.cuda.current_stream().record_event()
        self._numbers = numbers

    def numpy(self) -> NDArray[Any]:
        """The numbers, for which this waits; from any thread."""
        if self._there is not None:
            self._there.synchronize()
        return self._numbers.numpy()


def alike(keys: Sequence[Hashable]) -> list[list[int]]:
    """The places of equal keys, in the order of the first of each.

    Example:
        >>> alike(["grey", "colour", "grey"])
        [[0, 2], [1]]
    """
    groups: dict[Hashable, list[int]] = {}
    for place, key in enumerate(keys):
        groups.setdefault(key, []).append(place)
    return list(groups.values())


def on_cuda(device: str) -> bool:
    """Whether a torch device is an NVIDIA or AMD GPU."""
    return device.partition(":")[0] == "cuda"
