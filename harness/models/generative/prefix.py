"""What a model has read of an image and the words that many questions share, ready to be read on from."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.models.generative.encoding import Unfit

if TYPE_CHECKING:
    import torch

    from harness.models.trie import Trie


@dataclass(frozen=True)
class Prefix:
    """Keys and values of a batch of equally long beginnings, one per image.

    Attributes:
        model: the model that has read them.
        cache: its keys and values; never changed.
        argument: the name by which the model takes a cache.
        length: tokens of each beginning.
        shift: (B, 1) what positions after the beginning are ahead of their index (M-RoPE counts an image as
            its longer side), or 0.
        logits: (B, V) for the token that follows.
    """

    model: Any
    cache: Any
    argument: str
    length: int
    shift: torch.Tensor | int
    logits: torch.Tensor

    @classmethod
    def of(cls, model: Any, inputs: Mapping[str, torch.Tensor]) -> Prefix:
        """Reads a batch: one pass of the vision tower and of the language model over the shared part.

        Raises:
            Unfit: the model keeps a state that cannot be read on from twice.
        """
        from transformers.cache_utils import DynamicLayer

        output = model(**inputs, use_cache=True, logits_to_keep=1)
        cache = output.cache if "cache" in output else output.past_key_values
        for layer in cache.layers:
            if not isinstance(layer, DynamicLayer):  # a recurrent state changes in place
                raise Unfit(f"its cache has layers of type {type(layer).__name__}")
        shift = getattr(model.base_model, "rope_deltas", None)
        length = inputs["input_ids"].shape[1]
        return cls(
            model, cache, _cache_argument(model), length, 0 if shift is None else shift, output.logits[:, -1]
        )

    def fork(self) -> Any:
        """A cache that can be read on from; layers grow by concatenation, so nothing is copied."""
        forked = copy.copy(self.cache)
        forked.layers = [copy.copy(layer) for layer in self.cache.layers]
        return forked

    def read(self, cache: Any, tokens: torch.Tensor, start: int) -> torch.Tensor:
        """Reads tokens in order.

        Args:
            cache: a fork; it grows.
            tokens: (B, S).
            start: how many tokens after the beginning have been read before.

        Returns:
            (B, V) logits for the token that follows.
        """
        import torch

        positions = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        output = self.model(
            input_ids=tokens,
            position_ids=self._positions(positions),
            use_cache=True,
            logits_to_keep=1,
            **{self.argument: cache},
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def read_trie(self, trie: Trie, nodes: Sequence[int]) -> torch.Tensor:
        """Reads all paths of a trie in one pass: each node sees the beginning, its ancestors and itself.

        Args:
            trie: S nodes, at least one.
            nodes: M nodes after which logits are wanted.

        Returns:
            (B, M, V) logits.

        Raises:
            Unfit: a layer sees less than the beginning and the longest path.
        """
        import torch

        self._check(int(trie.depths.max()) + 1)
        device, dtype = self.model.device, self.model.dtype
        hidden = torch.from_numpy(~trie.ancestors()).to(device)
        mask = torch.zeros(hidden.shape[0], self.length + hidden.shape[0], device=device, dtype=dtype)
        mask[:, self.length :].masked_fill_(hidden, torch.finfo(dtype).min)
        tokens = torch.from_numpy(trie.tokens).to(device).expand(len(self.logits), -1)
        output = self.model(
            input_ids=tokens,
            attention_mask=mask[None, None],
            position_ids=self._positions(torch.from_numpy(trie.depths).to(device)),
            use_cache=True,
            # The head is a fifth of a small model's work; a vocabulary of logits per node would not fit.
            logits_to_keep=torch.tensor(nodes, device=device),
            **{self.argument: self.fork()},
        )
        logits: torch.Tensor = output.logits
        return logits

    def _positions(self, offsets: torch.Tensor) -> torch.Tensor:
        return (self.length + offsets + self.shift).expand(len(self.logits), -1)

    def _check(self, longest: int) -> None:
        for layer in self.cache.layers:
            if layer.is_sliding and self.length + longest > layer.sliding_window:
                raise Unfit(f"its attention window of {layer.sliding_window} tokens ends within the prompt")


def _cache_argument(model: Any) -> str:
    # The name changed with transformers 5.24, but not for code that comes with a model. The class is asked,
    # since what wraps the method of an instance may hide its arguments.
    return "cache" if "cache" in inspect.signature(type(model).forward).parameters else "past_key_values"
