"""Keys and values in memory that is allocated once: what is read is written behind what was read before.

transformers' own cache grows by concatenation, which was a tenth of a sweep's time on an H200. This module
needs transformers; import it where a model is loaded.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

from harness.models.generative.encoding import Unfit


class Buffer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer; `keys` and `values` are views of the part that is filled.

    Args:
        capacity: how many tokens there is room for.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self._capacity = capacity
        self._whole: list[torch.Tensor] = []

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Writes the keys and values (B, H, S, D) of S tokens, and returns those of all tokens."""
        states = (key_states, value_states)
        if not self._whole:
            self._whole = [one.new_empty(*one.shape[:-2], self._capacity, one.shape[-1]) for one in states]
            self.device, self.is_initialized = key_states.device, True
            self.rewind(0)
        start = self.get_seq_length()
        self.rewind(start + key_states.shape[-2])
        for filled, new in zip((self.keys, self.values), states, strict=True):
            filled[..., start:, :] = new
        return self.keys, self.values

    def rewind(self, length: int) -> None:
        """Makes the first `length` tokens those that are filled."""
        self.keys, self.values = (whole[..., :length, :] for whole in self._whole)


def empty_cache(model: Any, capacity: int) -> tuple[Cache, int | None]:
    """A cache that a model can read on from more than once.

    Args:
        model: a transformers model.
        capacity: how many tokens there shall be room for.

    Returns:
        The cache, and the fewest tokens that a layer sees, None where all see everything.

    Raises:
        Unfit: the model keeps a state that cannot be read on from twice.
    """
    layers = DynamicCache(config=model.config).layers
    for layer in layers:
        if not isinstance(layer, DynamicLayer):  # a recurrent state changes in place
            raise Unfit(f"its cache has layers of type {type(layer).__name__}")
    windows = [layer.sliding_window for layer in layers if layer.is_sliding]
    return Cache(layers=[Buffer(capacity) for _ in layers]), min(windows, default=None)
