"""The shapes of restorers. Adapters satisfy them by structure; nobody subclasses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from harness.identity import Identity


@runtime_checkable
class LoadedRestorer(Protocol):
    """A restorer that is ready to work.

    It may also have `batch_size`, the most images that it should be handed at a time.
    """

    def restore(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """One restored image per image, in order, both uint8 of shape (H, W) or (H, W, 3).

        What it raises becomes the reason why the images could not be restored; memory errors make it
        be asked again with fewer.
        """


@runtime_checkable
class Restorer(Protocol):
    """A restorer before it is loaded."""

    def identity(self, device: str) -> Identity:
        """Everything that can change its pixels, found without loading it.

        `model` is its id, `weights` the digest of its weights ("" for none), `processor` its options.

        Raises:
            ModelError: its weights are not those that its entry asks for.
        """

    def load(self, device: str) -> LoadedRestorer:
        """Loads weights. The one expensive call."""
