"""What a model has read of an image and the words that many questions share, ready to be read on from."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.models.generative.attention import unplanned
from harness.models.generative.encoding import Unfit

# cuDNN's attention, which torch prefers on an H200, reads many tokens behind others twice as fast as the next
# kernel (.24 instead of .56 ms a layer). It makes a plan for each shape: in .05 s where this divides all that
# is seen, else in .8 s.
ALIGNED = 8

if TYPE_CHECKING:
    import torch

    from harness.models.trie import Trie


@dataclass(frozen=True)
class Prefix:
    """A batch of equally long beginnings, one per image.

    Attributes:
        model: the model that has read them.
        cache: their keys and values, with room for what is read next.
        argument: the name by which the model takes a cache.
        length: tokens of each beginning.
        window: the fewest tokens that a layer of the model sees, None where all see everything.
        shift: (B, 1) what positions after the beginning are ahead of their index (M-RoPE counts an image as
            its longer side), or 0.
        logits: (B, V) for the token that follows.
    """

    model: Any
    cache: Any
    argument: str
    length: int
    window: int | None
    shift: torch.Tensor | int
    logits: torch.Tensor

    @classmethod
    def of(cls, model: Any, inputs: Mapping[str, torch.Tensor], room: int) -> Prefix:
        """Reads a batch: one pass of the vision tower and of the language model over the shared part.

        Args:
            model: a transformers model for images and text.
            inputs: the beginnings.
            room: most tokens that will be read after them at a time.

        Raises:
            Unfit: the model keeps a state that cannot be read on from twice.
        """
        from harness.models.generative.buffers import empty_cache

        length = inputs["input_ids"].shape[1]
        cache, window = empty_cache(model, length + room + ALIGNED - 1)
        argument = _cache_argument(model)
        with unplanned(model.device):
            output = model(**inputs, use_cache=True, logits_to_keep=1, **{argument: cache})
        if cache.layers[0].get_seq_length() != length:
            raise Unfit("it keeps a cache of its own")
        shift = getattr(model.base_model, "rope_deltas", None)
        return cls(
            model, cache, argument, length, window, 0 if shift is None else shift, output.logits[:, -1]
        )

    @property
    def behind(self) -> int:
        """How many tokens have been read behind the beginning."""
        return int(self.cache.layers[0].get_seq_length()) - self.length

    def rewind(self) -> None:
        """Forgets all that was read behind the beginning."""
        for layer in self.cache.layers:
            layer.rewind(self.length)

    def read_trie(self, trie: Trie, seen: NDArray[np.bool_], nodes: NDArray[np.int64]) -> torch.Tensor:
        """Reads all paths of a trie in one pass, right behind the beginning; then fillers that nothing sees.

        Args:
            trie: S nodes, at least one.
            seen: (S, S) its ancestors.
            nodes: M nodes after which logits are wanted.

        Returns:
            (B, M, V) logits.

        Raises:
            Unfit: a layer sees less than the beginning and the longest path.
        """
        import torch

        spare = -(self.length + len(trie.tokens)) % ALIGNED
        tokens, depths = (np.pad(one, (0, spare)) for one in (trie.tokens, trie.depths))
        # The head is a fifth of a small model's work; a vocabulary of logits per node would not fit.
        return self.read(
            torch.from_numpy(tokens).to(self.logits.device).expand(len(self.logits), -1),
            depths[None],
            np.pad(seen, (0, spare))[None],
            nodes,
        )

    def read(
        self,
        tokens: torch.Tensor,
        offsets: NDArray[np.int64],
        seen: NDArray[np.bool_],
        wanted: NDArray[np.int64],
    ) -> torch.Tensor:
        """Reads tokens behind all that was read before.

        Args:
            tokens: (B, S).
            offsets: (B or 1, S) places of the tokens, counted from the end of the beginning.
            seen: (B or 1, S, K) which of the K tokens behind the beginning, these S the last, each sees.
            wanted: M of the S tokens, after which logits are wanted.

        Returns:
            (B, M, V) logits.

        Raises:
            Unfit: a layer sees less than a token must.
        """
        import torch

        if self.window is not None and self.length + int(offsets.max()) + 1 > self.window:
            raise Unfit(f"its attention window of {self.window} tokens ends within the prompt")
        device, dtype = self.logits.device, self.model.dtype
        hidden = torch.from_numpy(~seen).to(device)
        mask = torch.zeros(*hidden.shape[:2], self.length + hidden.shape[2], device=device, dtype=dtype)
        mask[..., self.length :].masked_fill_(hidden, torch.finfo(dtype).min)
        positions = self.length + torch.from_numpy(offsets).to(device) + self.shift
        output = self.model(
            input_ids=tokens,
            attention_mask=mask[:, None],
            position_ids=positions.expand(len(tokens), -1),
            use_cache=True,
            logits_to_keep=torch.from_numpy(wanted).to(device),
            **{self.argument: self.cache},
        )
        logits: torch.Tensor = output.logits
        return logits


def _cache_argument(model: Any) -> str:
    # The name changed with transformers 5.24, but not for code that comes with a model. The class is asked,
    # since what wraps the method of an instance may hide its arguments.
    return "cache" if "cache" in inspect.signature(type(model).forward).parameters else "past_key_values"
