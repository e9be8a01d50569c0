"""What restorers on torch share: from uint8 images through a network in batches and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.errors import UsageError, out_of_memory
from harness.models.network import torch_dtype
from harness.restoration.images import MAX_INPUT, as_grey, as_rgb, checked, resized
from harness.settings import DTYPES

if TYPE_CHECKING:
    import torch


@dataclass
class LoadedFaceNetwork:
    """A network from faces to faces.

    On a CPU, what comes out depends on the picture alone: each goes through the network by itself, on one
    thread. torch and the libraries below it choose kernels by batch size and threads; they round differently,
    and some pixel lands on the other side of a half. Threads share the pictures instead.

    Attributes:
        forward: (N, 3, H, W) in [0, 1] to (N, 3, H', W') in [0, 1], roughly.
        side: height and width of its input, or 0 where it takes every size.
        size: shorter side of what comes out in the end, in pixels.
        grey: whether that is grey.
        device: torch device.
        dtype: of the computation.
        batch_size: the most images it should be handed at a time.
    """

    forward: Callable[[torch.Tensor], torch.Tensor]
    side: int
    size: int
    grey: bool
    device: str
    dtype: str
    batch_size: int

    def restore(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """See `LoadedRestorer.restore`.

        Raises:
            ValueError: an image has no usable pixels, or too many.
            FloatingPointError: the network gave something that is not a number.
        """

        sources = [as_rgb(checked(image)) for image in images]
        if self.device != "cpu" and len({self.side or source.shape for source in sources}) == 1:
            groups = [sources]
        else:
            groups = [[source] for source in sources]
        with _one_thread_each(self.device) as pool:
            restored = [image for group in pool.map(self._together, groups) for image in group]
        return [self._finished(image, source) for image, source in zip(restored, sources, strict=True)]

    def _together(self, sources: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """(N, H, W, 3) for N images that become inputs of one size."""
        import torch

        with torch.inference_mode():  # which holds for the thread that enters it
            return self._run(torch.cat([self._input(source) for source in sources]))

    def _input(self, image: NDArray[np.uint8]) -> torch.Tensor:
        """(1, 3, side, side) in [0, 1]; bilinear, as GFPGAN's own tool does it."""
        import torch
        from torch.nn.functional import interpolate

        height, width = image.shape[:2]
        if not self.side and height * width > MAX_INPUT:
            raise ValueError(
                f"{width} x {height} pixels are more than the {MAX_INPUT:,} that a network is shown"
            )
        values = torch.tensor(image, device=self.device).permute(2, 0, 1)[None].float() / 255
        if self.side and tuple(values.shape[2:]) != (self.side, self.side):
            values = interpolate(values, size=(self.side, self.side), mode="bilinear", antialias=True)
        return values.to(torch_dtype(self.dtype))

    def _run(self, batch: torch.Tensor) -> NDArray[np.uint8]:
        """(N, H, W, 3) for N inputs."""
        import torch

        output = self.forward(batch).float()
        if not torch.isfinite(output).all():
            raise FloatingPointError("the restorer gave pixels that are not numbers")
        pixels = (output.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        result: NDArray[np.uint8] = pixels.cpu().numpy()
        return result

    def _finished(self, image: NDArray[np.uint8], source: NDArray[np.uint8]) -> NDArray[np.uint8]:
        image = resized(image, self.size, Image.Resampling.LANCZOS, like=source)
        return as_grey(image) if self.grey else image


def placed(network: Any, device: str, dtype: str) -> Any:
    """A torch module (or what has its `eval` and `to`) in evaluation mode on a device.

    Raises:
        UsageError: the device is absent or the dtype unknown.
    """
    try:
        return network.eval().to(device=device, dtype=torch_dtype(dtype))
    except (RuntimeError, AssertionError) as error:
        if out_of_memory(error):
            raise
        raise UsageError(f"Device {device} cannot be used ({error}). Choose another --device.") from error


def check_dtype(dtype: str) -> str:
    """A dtype that an entry gives.

    Raises:
        UsageError: it is not one of `DTYPES`.
    """
    if dtype not in DTYPES:
        raise UsageError(f"Expected `dtype` to be one of {', '.join(DTYPES)}, but got {dtype!r}.")
    return dtype


@contextmanager
def _one_thread_each(device: str) -> Iterator[ThreadPoolExecutor]:
    """As many threads as torch may have here, with one for torch in each; a device needs one in all."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads if device == "cpu" else 1) as pool:
            yield pool
    finally:
        torch.set_num_threads(threads)


def images_at_once(side: int, device: str) -> int:
    """How many images of a side go well together; of any size where `side` is 0.

    On a CPU each thread has one, and 512-pixel faces take 0.7 GB each; smaller faces fill their batch with
    the same work. Two at least: were the first batch a single image, its failure would look like that of
    the restorer.
    """
    import torch

    work = (512 / (side or 512)) ** 2
    return max(2, min(64, int(work * (min(8, torch.get_num_threads()) if device == "cpu" else 8))))
