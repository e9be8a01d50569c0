"""What restorers on torch share: from uint8 images through a network in batches and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.errors import UsageError, out_of_memory
from harness.models.ahead import Pending, Stacks, alike, on_cuda
from harness.models.network import torch_dtype
from harness.models.resize import holds as resizes_as_pillow
from harness.models.resize import resize
from harness.restoration.images import MAX_INPUT, as_grey, as_rgb, checked, in_size, luma, target
from harness.settings import DTYPES
from harness.tools.slow_paths import note

if TYPE_CHECKING:
    import torch

Finish: TypeAlias = Callable[[], list[NDArray[np.uint8]]]


@dataclass
class LoadedFaceNetwork:
    """A network from faces to faces.

    On a CPU, what comes out depends on the picture alone: each goes through the network by itself, on one
    thread. torch and the libraries below it choose kernels by batch size and threads; they round differently,
    and some pixel lands on the other side of a half. Threads share the pictures instead.

    Attributes:
        network: (N, 3, H, W) in [0, 1] to (N, 3, H', W') in [0, 1], roughly.
        side: height and width of its input, or 0 where it takes every size.
        size: shorter side of what comes out in the end, in pixels.
        grey: whether that is grey.
        device: torch device.
        dtype: of the computation.
        batch_size: the most images it should be handed at a time.
    """

    network: Callable[[torch.Tensor], torch.Tensor]
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
        return self.forward(self.prepare(images))()

    def prepare(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
        """What `forward` reads; needs no device.

        Raises:
            ValueError: an image has no usable pixels, or too many.
        """
        sources = [as_rgb(checked(image)) for image in images]
        for source in sources:
            self._check_size(source)
        return sources

    def forward(self, prepared: Sequence[NDArray[np.uint8]]) -> Finish:
        """Begins to restore images. What it returns waits for them, in any thread, and gives them.

        Raises:
            FloatingPointError: from what it returns: the network gave something that is not a number.
        """
        if self.device != "cpu":
            return self._begun(prepared)
        with _one_thread_each() as pool:
            parts = list(pool.map(lambda source: self._begun([source])(), prepared))
        return lambda: [image for part in parts for image in part]

    def _check_size(self, source: NDArray[np.uint8]) -> None:
        height, width = source.shape[:2]
        if not self.side and height * width > MAX_INPUT:
            raise ValueError(
                f"{width} x {height} pixels are more than the {MAX_INPUT:,} that a network is shown"
            )

    def _begun(self, sources: Sequence[NDArray[np.uint8]]) -> Finish:
        """Those that become inputs of one size go through the network together."""
        import torch

        under_way: list[tuple[list[int], Pending, Pending, tuple[int, int]]] = []
        with torch.inference_mode():  # which holds for the thread that enters it
            for places in alike([self.side or source.shape for source in sources]):
                group = [sources[place] for place in places]
                output = self.network(Stacks.of(group, self.device).map(self._input, self.device)).float()
                finite = Pending(torch.isfinite(output).all())
                pixels = (output.clamp(0, 1) * 255).round().to(torch.uint8)
                sizes = [target(source, self.size) for source in group]
                for some in alike(sizes):
                    part = pixels if len(some) == len(group) else pixels[some]
                    finished = Pending(self._finished(part, sizes[some[0]]))
                    under_way.append(([places[i] for i in some], finite, finished, sizes[some[0]]))

        def finish() -> list[NDArray[np.uint8]]:
            restored: dict[int, NDArray[np.uint8]] = {}
            for places, finite, finished, size in under_way:
                if not finite.numpy():
                    raise FloatingPointError("the restorer gave pixels that are not numbers")
                images = [self._by_pillow(image, size) for image in finished.numpy()]
                restored.update(zip(places, images, strict=True))
            return [restored[place] for place in range(len(sources))]

        return finish

    def _input(self, pixels: torch.Tensor) -> torch.Tensor:
        """(N, 3, side, side) in [0, 1]; bilinear, as GFPGAN's own tool does it."""
        from torch.nn.functional import interpolate

        values = pixels.float() / 255
        if self.side and tuple(values.shape[2:]) != (self.side, self.side):
            values = interpolate(values, size=(self.side, self.side), mode="bilinear", antialias=True)
        return values.to(torch_dtype(self.dtype)).contiguous()  # as GFPGAN needs them

    def _finished(self, pixels: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """(N, H, W, C) pixels. On a GPU they have their size and colour by then, bit by bit as Pillow's.

        Pillow takes half as long as GFPGAN on a GPU to bring its 512 pixels to 224.
        """
        if on_cuda(self.device) and resizes_as_pillow():
            pixels = resize(pixels, size, Image.Resampling.LANCZOS)
            pixels = luma(pixels) if self.grey else pixels
        elif on_cuda(self.device):
            note("restorer", "resizing on the GPU", "unfit", "this version of Pillow resizes in another way")
        return pixels.permute(0, 2, 3, 1).contiguous()

    def _by_pillow(self, image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
        """The same with what is not done yet."""
        if image.shape[2] == 1:
            return image[:, :, 0]
        image = in_size(image, size, Image.Resampling.LANCZOS)
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
def _one_thread_each() -> Iterator[ThreadPoolExecutor]:
    """As many threads as torch may have here, with one for torch in each."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
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
