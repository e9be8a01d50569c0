"""What every torch classifier shares: a network in evaluation mode that satisfies `Classifier`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import Unavailable, UsageError, out_of_memory
from harness.models import pixels
from harness.models.ahead import Pending, Stacks
from harness.models.card import Card
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
        return self.forward(self.prepare(images)).numpy()

    def prepare(self, images: Sequence[NDArray[np.uint8]]) -> Stacks:
        """What `forward` reads; needs no device."""
        return Stacks.of(images, self.device)

    def forward(self, prepared: Stacks) -> Pending:
        """Begins to compute softmax probabilities (N, K)."""
        import torch

        with torch.inference_mode():
            batch = pixels.normalised(prepared, self.card, self.device).to(torch_dtype(self.dtype))
            return Pending(self.network(batch).float().softmax(dim=1))


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
