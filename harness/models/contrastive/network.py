"""A network of open_clip that embeds images and texts: satisfies `Contrastive`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.models.contrastive.pixels import Preprocessing

if TYPE_CHECKING:
    import torch

TEXTS_AT_ONCE = 64


@dataclass
class LoadedClip:
    """Both towers in evaluation mode on a device.

    Attributes:
        logit_scale: what similarities are multiplied by.
        network: the open_clip network.
        preprocess: images -> what the image tower reads.
        tokenizer: open_clip's tokenizer of the network.
        device: where the network is.
        dtype: torch dtype of its inputs.
    """

    logit_scale: float
    network: Any
    preprocess: Preprocessing
    tokenizer: Any
    device: str
    dtype: torch.dtype

    def __post_init__(self) -> None:
        self._causal = CausalTexts.of(self.network)

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embeddings (N, D) of unit length of N images (H, W) or (H, W, 3); sizes may differ."""
        import torch

        with torch.inference_mode():
            batch = self.preprocess(images, self.device).to(self.dtype)
            return _unit(self.network.encode_image(batch))

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings (T, D) of unit length; equal texts are embedded once.

        Raises:
            UsageError: a text is longer than the network reads; its end would silently be cut off.
        """
        import torch

        distinct = list(dict.fromkeys(texts))
        for text in distinct:
            self._check_length(text)
        tokens = self.tokenizer(distinct)
        with torch.inference_mode():
            batches = self._batches(tokens)
            embedded = np.concatenate([self._encode(tokens[rows, :length]) for rows, length in batches])
        places = np.argsort(np.concatenate([rows for rows, _ in batches]))
        row = {text: places[i] for i, text in enumerate(distinct)}
        result: NDArray[np.float32] = embedded[[row[text] for text in texts]]
        return result

    def _batches(self, tokens: torch.Tensor) -> list[tuple[NDArray[np.int64], int]]:
        """Rows of texts of one length, which are encoded together, and that length: nothing is padded."""
        full = tokens.shape[1]
        ends = self._causal.ends(tokens) if self._causal else np.full(len(tokens), full)
        return [
            (rows[start : start + TEXTS_AT_ONCE], int(end))
            for end in np.unique(ends)
            for rows in [np.flatnonzero(ends == end)]
            for start in range(0, len(rows), TEXTS_AT_ONCE)
        ]

    def _encode(self, tokens: torch.Tensor) -> NDArray[np.float32]:
        encode = self._causal.encode if self._causal else self.network.encode_text
        return _unit(encode(tokens.to(self.device)))

    def _check_length(self, text: str) -> None:
        tokenizer, limit = self.tokenizer, self.tokenizer.context_length
        if hasattr(tokenizer, "encode"):  # open_clip's own; a start and an end are added
            length = len(tokenizer.encode(text)) + 2
        else:
            length = len(tokenizer.tokenizer(tokenizer.clean_fn(text)).input_ids)
        if length > limit:
            raise UsageError(f"Caption {text!r} has {length} tokens; the model reads {limit}. Shorten it.")


@dataclass(frozen=True)
class CausalTexts:
    """A text tower whose answer depends on nothing behind the end of a text.

    Where attention is causal and the state at the end-of-text token is what is read out, padding changes
    nothing: a caption of 12 tokens costs 12, not the 77 of the context. Other towers (SigLIP pools the last
    position, MobileCLIP-S sees both ways, CoCa appends a token) always get their full context.

    Attributes:
        network: the open_clip network.
        tower: its part that holds the text tower.
        prefix: of the names of the tower's tensors within the network.
        end: id of the end-of-text token, or None for the highest id in a text.
    """

    network: Any
    tower: Any
    prefix: str
    end: int | None

    @classmethod
    def of(cls, network: Any) -> CausalTexts | None:
        """The text tower of a network, or None where padding might matter."""
        import torch
        from open_clip.model import CLIP, CustomTextCLIP
        from open_clip.transformer import TextTransformer

        if type(network) is CLIP:
            tower, prefix, pooling, end = network, "", network.text_pool_type, network.text_eos_id
        elif type(network) is CustomTextCLIP and type(network.text) is TextTransformer:
            tower, prefix, pooling, end = network.text, "text.", network.text.pool_type, network.text.eos_id
        else:
            return None
        if getattr(tower, "cls_emb", None) is not None or pooling not in ("argmax", "eos"):
            return None
        mask = tower.attn_mask
        if mask is None or not torch.equal(mask, torch.full_like(mask, -torch.inf).triu(1)):
            return None
        return cls(network, tower, prefix, end if pooling == "eos" else None)

    def ends(self, tokens: torch.Tensor) -> NDArray[np.int64]:
        """How many tokens (T,) of each text matter."""
        at_end = tokens if self.end is None else (tokens == self.end).int()
        result: NDArray[np.int64] = (at_end.argmax(dim=1) + 1).numpy()
        return result

    def encode(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embeddings (T, D) by open_clip's own forward pass, with its context cut to that of `tokens`."""
        from torch.func import functional_call

        length = tokens.shape[1]
        shorter = {
            f"{self.prefix}positional_embedding": self.tower.positional_embedding[:length],
            f"{self.prefix}attn_mask": self.tower.attn_mask[:length, :length],
        }
        embedded: torch.Tensor = functional_call(self.network, shorter, (), {"text": tokens})[1]
        return embedded


def _unit(embedded: torch.Tensor) -> NDArray[np.float32]:
    from torch.nn.functional import normalize

    result: NDArray[np.float32] = normalize(embedded.float(), dim=-1).cpu().numpy()
    return result
