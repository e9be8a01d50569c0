"""What every torch classifier shares: a network in evaluation mode that satisfies `Classifier`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import Unavailable, UsageError, out_of_memory
from harness.models import pixels
from harness.models.ahead import Pending, Stacks, on_cuda
from harness.models.card import Card
from harness.models.recording import Recording
from harness.settings import DTYPES

if TYPE_CHECKING:
    import torch


@dataclass
class LoadedNetwork:
    """A torch network behind `Classifier`."""

    network: torch.nn.Module
    card: Card
    device: str
    dtype: str

    @classmethod
    def place(cls, network: torch.nn.Module, card: Card, device: str, dtype: str) -> LoadedNetwork:
        """Puts a network in evaluation mode on a device.

        Raises:
            UsageError: the device is absent or the dtype unknown.
        """
        try:
            return cls(network.eval().to(device, torch_dtype(dtype)), card, device, dtype)
        except (RuntimeError, AssertionError) as error:
            if out_of_memory(error):
                raise
            raise UsageError(f"Device {device} cannot be used ({error}). Choose another --device.") from error

    def classify(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Softmax probabilities (N, K)."""
        import torch

        with torch.inference_mode():
            return Pending(self._probabilities(self._seen(self.prepare(images)))).numpy()

    def prepare(self, images: Sequence[NDArray[np.uint8]]) -> Stacks:
        """What `forward` reads; needs no device."""
        return Stacks.of(images, self.device)

    def forward(self, prepared: Stacks) -> Pending:
        """Begins to compute softmax probabilities (N, K). On a GPU hooks of the network may not be called."""
        import torch

        with torch.inference_mode():
            return Pending(self._recorded(self._seen(prepared)))

    @cached_property
    def _recorded(self) -> Callable[[torch.Tensor], torch.Tensor]:
        if not on_cuda(self.device):
            return self._probabilities
        return Recording(self._probabilities, self.card.architecture)

    def _seen(self, prepared: Stacks) -> torch.Tensor:
        return pixels.normalised(prepared, self.card, self.device).to(torch_dtype(self.dtype))

    def _probabilities(self, batch: torch.Tensor) -> torch.Tensor:
        probabilities: torch.Tensor = self.network(batch).float().softmax(dim=1)
        return probabilities


def torch_dtype(name: str) -> Any:
    """The torch dtype of a name.

    Raises:
        UsageError: the name is not one of `DTYPES`.
    """
    import torch

    if name not in DTYPES:
        raise UsageError(f"Expected --dtype to be one of {', '.join(DTYPES)}, but got {name}.")
    return getattr(torch, name)


def require(*packages: str, extra: str = "cnn") -> None:
    """Checks that packages are installed, without importing them.

    Raises:
        Unavailable: one is absent; the message gives the install command.
    """
    absent = [package for package in packages if find_spec(package) is None]
    if absent:
        raise Unavailable(
            f"Package {absent[0]} is not installed. Install with: pip install 'emotion-harness[{extra}]'"
        )
