"""Cards and checkpoints that the tests of models are made of."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CARD: dict[str, Any] = {
    "architecture": "test_resnet",
    "labels": ["happy", "sad", "neutral"],
    "in_chans": 1,
    "input_size": [32, 32],
    "mean": [0.5],
    "std": [0.25],
}


def network(card: dict[str, Any], seed: int = 0, **options: Any) -> Any:
    """The card's timm network with weights drawn from a seed."""
    import timm
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return timm.create_model(
            card["architecture"], num_classes=len(card["labels"]), in_chans=card["in_chans"], **options
        ).eval()


@lru_cache(maxsize=8)
def _weights(card: str, seed: int, options: tuple[tuple[str, Any], ...]) -> bytes:
    from safetensors.torch import save

    return save(network(json.loads(card), seed, **dict(options)).state_dict())


def save_checkpoint(path: Path, card: dict[str, Any], seed: int = 0, **options: Any) -> None:
    """Writes random weights that fit a card, and the card beside them."""
    path.write_bytes(_weights(json.dumps(card), seed, tuple(options.items())))
    write_card(path, card)


def write_card(path: Path, card: Any) -> None:
    """Writes the card of a checkpoint."""
    path.with_suffix(".json").write_text(json.dumps(card))


def pictures(n: int, shape: tuple[int, ...] = (32, 32), seed: int = 0) -> list[NDArray[np.uint8]]:
    """Random images."""
    return list(np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8))
