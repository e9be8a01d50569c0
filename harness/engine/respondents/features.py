"""Features: what the last layer of a classifier reads, kept as the embedding of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.engine.asked import Asked
from harness.errors import UsageError
from harness.models.network import LoadedNetwork

# Raise it with any change that moves a feature; its golden outputs say when.
VERSION = 1


def asks_features(answers: Asked) -> Asked:
    """What asks a classifier for its features, given what asks for its answers."""
    decoding = {"output": "what the last layer reads", "version": VERSION}
    return Asked(replace(answers.identity, decoding=decoding), features=True)


def features(loaded: Any, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """The embeddings (N, D) of pictures.

    Raises:
        UsageError: the network does not end in a linear layer.
    """
    if hasattr(loaded, "embed_images"):
        embeddings: NDArray[np.float32] = loaded.embed_images(images)
        return embeddings
    return last_layer(loaded, images)


def last_layer(loaded: LoadedNetwork, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """What the last linear layer of a classifier reads, (N, D).

    Raises:
        UsageError: there is no such layer.
    """
    import torch

    labels = len(loaded.card.labels)
    heads = [
        module
        for module in loaded.network.modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == labels
    ]
    if not heads:
        raise UsageError(
            f"{loaded.card.architecture} does not end in a linear layer of {labels} labels. Name another "
            "model as encoder."
        )
    read: list[Any] = []
    with heads[-1].register_forward_pre_hook(lambda module, inputs: read.append(inputs[0])):
        loaded.classify(images)
    features: NDArray[np.float32] = read[0].float().flatten(1).cpu().numpy()
    return features
