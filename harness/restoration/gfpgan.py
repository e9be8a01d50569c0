"""GFPGAN, versions 1.3 and 1.4 (Wang et al. 2021, arXiv 2101.04061), on faces that are already aligned.

[restorations.gfpgan-1_4]
adapter = "gfpgan"
weights = "GFPGANv1.4.pth"
colour = "grey"         # it was trained on colour and may paint grey faces; "keep" lets it

It looks for no faces and pastes nothing back: a crop as FER-2013 has them is the face. It was trained for
pictures shrunk 0.8 to 8 times; 48 pixels to 512 are 10.7 times, outside of that.

The network is spandrel's copy of the authors' `GFPGANv1Clean`: the same tensors, and on the same weights the
same output to the bit (tests/restoration/test_restoration_gfpgan_package.py). Their own package wants a
torchvision module that was removed in 0.17 and, through basicsr, a build that fails on Python 3.13.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Le
from typing_extensions import TypedDict, Unpack, get_type_hints

from harness.errors import ModelError, UsageError
from harness.identity import Identity, package_versions
from harness.models.base import Context
from harness.models.network import require
from harness.restoration.images import SIZE, check_colour, check_size
from harness.restoration.network import LoadedFaceNetwork, check_dtype, images_at_once, placed
from harness.restoration.weights import checked_digest, find_weights, first_misfit, read_weights
from harness.tools.forms import read

if TYPE_CHECKING:
    import torch

# Raised whenever the same input comes out different; tests/golden holds outputs against it.
VERSION = 1
ARCHITECTURE = "GFPGANv1Clean"


class Architecture(TypedDict, total=False):
    """Options of the network; it halves its input down to 4 pixels."""

    out_size: Literal[16, 32, 64, 128, 256, 512, 1024]
    num_style_feat: Annotated[int, Ge(1), Le(8192)]
    channel_multiplier: Annotated[int, Ge(1), Le(16)]
    num_mlp: Annotated[int, Ge(1), Le(64)]
    input_is_latent: bool
    different_w: bool
    narrow: Annotated[float, Ge(0), Le(16)]
    sft_half: bool


# Of the releases 1.3 and 1.4.
RELEASED: Architecture = {
    "out_size": 512,
    "num_style_feat": 512,
    "channel_multiplier": 2,
    "num_mlp": 8,
    "input_is_latent": True,
    "different_w": True,
    "narrow": 1,
    "sft_half": True,
}


class Gfpgan:
    """The network `GFPGANv1Clean` with trained weights.

    Args:
        context: where the weights are looked for.
        weights: a checkpoint of the authors (`params_ema` or `params` in a `.pth`), or `.safetensors` with a
            JSON card beside it that names options of the architecture.
        sha256: what the file's digest must be; the official releases are known by their names.
        size: shorter side of the result, in pixels.
        colour: `keep`, or `grey` for the luma of what comes out.
        dtype: of the computation. It is apart from --dtype, so that all models see the same pixels.
        architecture: options of the architecture, over those of the card; default: as released.

    Raises:
        Unavailable: the weights or a package are absent.
        ModelError: the card is no card of this architecture.
        UsageError: an option is wrong.
    """

    def __init__(
        self,
        *,
        context: Context,
        weights: str,
        sha256: str = "",
        size: int = SIZE,
        colour: str = "keep",
        dtype: str = "float32",
        **architecture: Unpack[Architecture],
    ) -> None:
        self.size, self.colour, self.dtype = check_size(size), check_colour(colour), check_dtype(dtype)
        self.path, self.sha256 = find_weights(weights, context), sha256
        self.options: dict[str, Any] = {**RELEASED, **_card(self.path), **architecture}
        require("torch", "torchvision", "safetensors", "spandrel", extra="restoration")

    def identity(self, device: str) -> Identity:
        """See `Restorer.identity`."""
        return Identity(
            model="gfpgan",
            weights=checked_digest(self.path, self.sha256),
            adapter=str(VERSION),
            processor={"architecture": self.options, "size": self.size, "colour": self.colour},
            dtype=self.dtype,
            device=device.partition(":")[0],
            packages=package_versions("torch", "spandrel", "pillow", "numpy"),
        )

    def load(self, device: str) -> LoadedFaceNetwork:
        """Builds the network and loads its weights.

        Raises:
            ModelError: the weights are corrupt, others than asked for, or do not fit the architecture.
        """
        import torch
        from spandrel.architectures.GFPGAN import GFPGAN

        checked_digest(self.path, self.sha256)
        tensors = read_weights(self.path, ("params_ema", "params"))
        with torch.device("meta"):  # without its own random values, which takes seconds
            module = GFPGAN(**self.options)
        try:
            module.load_state_dict(tensors, assign=True)
        except RuntimeError as error:
            raise ModelError(
                f"The weights of {self.path} do not fit {ARCHITECTURE} with {self.options} "
                f"({first_misfit(error)}). Name a GFPGAN 1.3 or 1.4 file, or give its options."
            ) from error
        module = placed(module, device, self.dtype)

        def forward(batch: torch.Tensor) -> torch.Tensor:
            # Noise is added to every layer otherwise: the same face would come out different each time.
            face, _ = module(batch * 2 - 1, return_rgb=False, randomize_noise=False)
            result: torch.Tensor = face / 2 + 0.5
            return result

        side = int(self.options["out_size"])
        grey, at_once = self.colour == "grey", images_at_once(side, device)
        return LoadedFaceNetwork(forward, side, self.size, grey, device, self.dtype, at_once)


def _card(path: Path) -> dict[str, Any]:
    """Options of the architecture that the card beside a `.safetensors` file names."""
    card = path.with_suffix(".json")
    if path.suffix != ".safetensors" or not card.is_file():
        return {}
    try:
        found = json.loads(card.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"The card {card} is not readable JSON ({error}). Mend or rewrite it.") from error
    if not isinstance(found, dict) or found.get("architecture", ARCHITECTURE) != ARCHITECTURE:
        raise ModelError(f"The card {card} is not of {ARCHITECTURE}. Name the weights of a GFPGAN restorer.")
    try:
        return read(found, get_type_hints(Architecture, include_extras=True), f"The card {card}", more=True)
    except UsageError as error:
        raise ModelError(str(error)) from error
