"""Restorers in miniature: a narrow GFPGAN with random weights, and one that says what it was shown."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.errors import ModelError
from harness.identity import Identity
from harness.models import Context

NARROW: dict[str, Any] = {
    "out_size": 32,
    "num_style_feat": 16,
    "channel_multiplier": 1,
    "num_mlp": 2,
    "input_is_latent": True,
    "different_w": True,
    "narrow": 0.125,
    "sft_half": True,
}


def narrow_gfpgan(seed: int = 0) -> Any:
    """An untrained network of the architecture, with noise weights that would show."""
    import torch
    from spandrel.architectures.GFPGAN import GFPGAN

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = GFPGAN(**NARROW).eval()
        for name, value in network.named_parameters():
            if name.endswith("modulated_conv.weight") or "to_rgb" in name:
                value.data *= 3
            if name.split(".")[-1] == "weight" and value.numel() == 1:
                value.data.fill_(0.5)  # how much noise each layer adds; 0 when untrained
    return network


def save_pth(path: Path, network: Any, key: str = "params_ema") -> None:
    import torch

    torch.save({key: network.state_dict()}, path)


def save_with_card(path: Path, network: Any, **card: Any) -> None:
    from safetensors.torch import save_file

    save_file(network.state_dict(), path)
    path.with_suffix(".json").write_text(json.dumps({**NARROW, **card}))


def faces(n: int, shape: tuple[int, ...] = (12, 12), seed: int = 0) -> list[np.ndarray]:
    """Smooth random images."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 4, 4, *shape[2:]), dtype=np.uint8)
    return [np.asarray(Image.fromarray(image).resize(shape[1::-1], Image.BICUBIC)) for image in coarse]


class Shift:
    """Adds a number to every pixel, and counts what it does.

    Args:
        by: the number.
        memory: the largest batch it can hold.
        broken: serial numbers (second pixel) that it cannot stand.
        makes: another kind of result: `floats`, `nothing`, `fewer`.
        fails: raises on loading, as weights that do not fit.
        pause: seconds that every batch takes.
    """

    loads: ClassVar[Counter[int]] = Counter()
    shown: ClassVar[Counter[int]] = Counter()

    def __init__(
        self,
        *,
        context: Context,
        by: int = 1,
        memory: int = 1000,
        broken: Sequence[int] = (),
        makes: str = "",
        fails: bool = False,
        pause: float = 0.0,
    ) -> None:
        del context
        self.by, self.memory, self.broken, self.makes = by, memory, tuple(broken), makes
        self.fails, self.pause = fails, pause

    def identity(self, device: str) -> Identity:
        return Identity(model="shift", weights="", processor={"by": self.by}, device=device)

    def load(self, device: str) -> Shift:
        del device
        self.loads[self.by] += 1
        if self.fails:
            raise ModelError("The weights shift.pth do not fit. Download them again.")
        return self

    def restore(self, images: Sequence[np.ndarray]) -> list[Any]:
        if len(images) > self.memory:
            import torch

            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if any(int(image[0, 1]) in self.broken for image in images):
            raise FloatingPointError("the restorer gave pixels that are not numbers")
        time.sleep(self.pause)
        self.shown[self.by] += len(images)
        made = [image + np.uint8(self.by) for image in images]
        if self.makes == "floats":
            return [image / 255 for image in made]
        if self.makes == "nothing":
            return [image[:0] for image in made]
        return made[1:] if self.makes == "fewer" else made
