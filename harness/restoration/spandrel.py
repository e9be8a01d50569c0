"""Whatever spandrel recognises by its tensors: RestoreFormer, SwinIR, Real-ESRGAN, DnCNN, ...

[restorations.restoreformer]
adapter = "spandrel"
weights = "RestoreFormer.pth"

CodeFormer is read where the package spandrel_extra_arches is installed; its licence forbids commercial use.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError
from harness.identity import Identity, package_versions, source_version
from harness.models import ahead, resize
from harness.models.base import Context
from harness.models.network import require, torch_dtype
from harness.models.pixels import LUMA
from harness.restoration import images, network
from harness.restoration.images import SIZE, check_colour, check_size
from harness.restoration.network import LoadedFaceNetwork, check_dtype, images_at_once, placed
from harness.restoration.weights import checked_digest, find_weights, read_weights

if TYPE_CHECKING:
    import torch

FACE_SIDE = 512  # of the aligned faces that restorers of faces were trained on
EXTRA = "spandrel_extra_arches"
GFPGAN_TENSOR = "stylegan_decoder.style_mlp.1.weight"


class Spandrel:
    """A restorer of faces, or a network that cleans or enlarges any image.

    Args:
        context: where the weights are looked for.
        weights: a `.pth` or `.safetensors` file.
        sha256: what the file's digest must be, if given.
        size: shorter side of the result, in pixels.
        colour: `keep`, or `grey` for the luma of what comes out.
        dtype: of the computation.

    Raises:
        Unavailable: the weights or the package are absent.
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
    ) -> None:
        self.size, self.colour, self.dtype = check_size(size), check_colour(colour), check_dtype(dtype)
        self.path, self.sha256 = find_weights(weights, context), sha256
        require("torch", "safetensors", "spandrel", extra="spandrel")

    def identity(self, device: str) -> Identity:
        """See `Restorer.identity`."""
        return Identity(
            model="spandrel",
            weights=checked_digest(self.path, self.sha256),
            adapter=source_version(sys.modules[__name__], ahead, images, network, resize),
            processor={"size": self.size, "colour": self.colour},
            dtype=self.dtype,
            device=device.partition(":")[0],
            packages=package_versions("torch", "spandrel", EXTRA, "pillow", "numpy"),
        )

    def load(self, device: str) -> LoadedFaceNetwork:
        """Recognises the architecture and loads its weights.

        Raises:
            ModelError: the weights are corrupt, others than asked for, or of no architecture that fits.
        """
        checked_digest(self.path, self.sha256)
        found = self._recognised()
        if torch_dtype(self.dtype) not in _dtypes(found):
            raise ModelError(
                f"{found.architecture.name} of {self.path.name} does not work in {self.dtype}. Remove dtype "
                "from its entry."
            )
        placed(found, device, self.dtype)

        def forward(batch: torch.Tensor) -> torch.Tensor:
            if found.input_channels == 1:
                batch = (batch * batch.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
            result: torch.Tensor = found(batch)
            return result.expand(-1, 3, -1, -1)

        side, grey = FACE_SIDE if found.purpose == "FaceSR" else 0, self.colour == "grey"
        at_once = images_at_once(side, device)
        return LoadedFaceNetwork(forward, side, self.size, grey, device, self.dtype, at_once)

    def _recognised(self) -> Any:
        from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError

        if find_spec(EXTRA) is not None:
            import spandrel_extra_arches

            spandrel_extra_arches.install(ignore_duplicates=True)
        tensors = read_weights(self.path, ("params_ema", "params", "params-ema", "state_dict"))
        if GFPGAN_TENSOR in tensors:
            raise ModelError(
                f"{self.path.name} is a GFPGAN, which spandrel runs with random noise. Use adapter gfpgan."
            )
        try:
            found = ModelLoader().load_from_state_dict(tensors)
        except UnsupportedModelError:
            raise ModelError(
                f"spandrel knows no architecture with the tensors of {self.path}. Name the weights of a "
                "restorer that it lists."
            ) from None
        except (RuntimeError, KeyError, ValueError, AssertionError) as error:
            raise ModelError(
                f"spandrel cannot build the network of {self.path} ({type(error).__name__}: "
                f"{str(error).splitlines()[0][:200]}). Download the weights again."
            ) from error
        if not isinstance(found, ImageModelDescriptor) or found.input_channels not in (1, 3):
            raise ModelError(
                f"{found.architecture.name} of {self.path.name} does not take a plain grey or RGB image. "
                "Name another restorer."
            )
        return found


def _dtypes(found: Any) -> list[Any]:
    import torch

    halves = [torch.bfloat16] * found.supports_bfloat16 + [torch.float16] * found.supports_half
    return [torch.float32, *halves]
