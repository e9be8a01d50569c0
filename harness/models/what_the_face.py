"""The CNN inside the PyPI package `what-the-face-classification`, trained on FER-2013 and CK+.

Its weights (`active_model.pth`) and its network class are used; its `inference` module is not: it needs
pkg_resources and OpenCV and crops faces, which FER-2013 already did.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from harness.errors import ModelError, Unavailable
from harness.identity import Identity, package_versions
from harness.models.base import Capability, Context
from harness.models.card import Card
from harness.models.network import LoadedNetwork, require
from harness.tools.digests import file_digest

# Raised whenever the same input comes out different; tests/golden holds outputs against it.
VERSION = 1
PACKAGE = "what_the_face_classification"

# As the package's own inference builds and feeds the network: three 3x3 convolutions without padding,
# each halved by pooling (48 -> 4 px), on grey values in [0, 1].
CARD = Card(
    architecture="SimpleConvolutionalNetwork",
    labels=("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
    in_chans=1,
    input_size=(48, 48),
    mean=(0.0,),
    std=(1.0,),
    trained_on="fer2013:train",
)


class WhatTheFace:
    """The packaged CNN.

    Raises:
        Unavailable: the package or torch is not installed.
    """

    capability: Capability = "classifier"
    labels = CARD.labels
    trained_on = CARD.trained_on

    def __init__(self, *, context: Context) -> None:
        del context
        require("torch")
        spec = find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise Unavailable(
                "Package what-the-face-classification is not installed. "
                "Install with: pip install 'emotion-harness[what-the-face]'"
            )
        self.path = Path(spec.origin).with_name("active_model.pth")
        self.correct: Mapping[str, tuple[int, int]] = {}

    def identity(self, device: str, dtype: str) -> Identity:
        """See `RunnableModel.identity`."""
        return Identity(
            model="what-the-face-classification",
            weights=file_digest(self.path),
            labels=CARD.labels,
            adapter=str(VERSION),
            processor={"in_chans": 1, "size": CARD.input_size, "mean": CARD.mean, "std": CARD.std},
            dtype=dtype,
            device=device.partition(":")[0],
            packages=package_versions("torch", "numpy", "what-the-face-classification"),
        )

    def load(self, device: str, dtype: str) -> LoadedNetwork:
        """Loads the packaged weights.

        Raises:
            ModelError: they do not load.
        """
        import torch
        from what_the_face_classification.model import SimpleConvolutionalNetwork

        module = SimpleConvolutionalNetwork(
            filter_layers=3,
            io_list=[[1, 28], [28, 56], [56, 112]],
            kernals=[3, 3, 3],
            padding=[0, 0, 0],
            linear_filter_input=304,
            latent_dim=112 * 4 * 4,
        )
        try:
            module.load_state_dict(torch.load(self.path, map_location="cpu", weights_only=True))
        except Exception as error:  # the unpickler raises EOFError, KeyError, UnpicklingError, ...
            raise ModelError(
                f"The weights {self.path} do not load ({type(error).__name__}: {error}). "
                "Install the package again."
            ) from error
        return LoadedNetwork.place(module, CARD, device, dtype)
