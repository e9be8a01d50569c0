"""A network of open_clip that embeds images and texts: satisfies `Contrastive`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.models.ahead import Pending, Stacks, on_cuda
from harness.models.contrastive.pixels import Preprocessing
from harness.models.recording import Recording
from harness.models.trie import Trie, chunks
from harness.tools.slow_paths import Kind, blame, note

if TYPE_CHECKING:
    import torch

TEXTS_AT_ONCE = 64
PATH = "sweep of captions"
RESIZED_BY_PILLOW = (
    "its preprocessing is more than Resize and CenterCrop, or this Pillow resizes in another way; Pillow "
    "prepares some 2,000 pictures a second"
)
NODES = 1024  # tokens read in one pass; what their mask takes grows with the square


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
        name: for messages.
        sweep: False to read every caption whole.
    """

    logit_scale: float
    network: Any
    preprocess: Preprocessing
    tokenizer: Any
    device: str
    dtype: torch.dtype
    name: str = "open_clip"
    sweep: bool = True

    def __post_init__(self) -> None:
        self._causal = CausalTexts.of(self.network) if self.sweep else None
        self._why_plain: tuple[Kind, str] = (
            ("unfit", "its text tower reads what stands behind a caption; each is read whole")
            if self.sweep
            else ("chosen", "its entry says sweep = false")
        )

    def embed_images(self, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embeddings (N, D) of unit length of N images (H, W) or (H, W, 3); sizes may differ."""
        return self.forward(self.prepare(images)).numpy()

    def prepare(self, images: Sequence[NDArray[np.uint8]]) -> Stacks:
        """What `forward` reads; needs no device."""
        return self.preprocess.prepare(images, self.device)

    def forward(self, prepared: Stacks) -> Pending:
        """Begins to compute embeddings (N, D) of unit length."""
        import torch

        if on_cuda(self.device) and self.preprocess.placing is None:
            note(self.name, "resizing on the GPU", "unfit", RESIZED_BY_PILLOW)
        with torch.inference_mode():
            batch = self.preprocess.values(prepared, self.device).to(self.dtype)
            return Pending(self._recorded(batch))

    @cached_property
    def _recorded(self) -> Callable[[torch.Tensor], torch.Tensor]:
        if not on_cuda(self.device):
            return self._embedded
        return Recording(self._embedded, self.name)

    def _embedded(self, batch: torch.Tensor) -> torch.Tensor:
        return _unit(self.network.encode_image(batch))

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings (T, D) of unit length; equal texts are embedded once.

        Raises:
            UsageError: a text is longer than the network reads; its end would silently be cut off.
            ModelError: reading what captions share once is broken, though reading each works.
        """
        import torch

        distinct = list(dict.fromkeys(texts))
        for text in distinct:
            self._check_length(text)
        tokens = self.tokenizer(distinct)
        with torch.inference_mode():
            embedded = _unit(self._encode(tokens.to(self.device))).cpu().numpy()
        row = {text: i for i, text in enumerate(distinct)}
        result: NDArray[np.float32] = embedded[[row[text] for text in texts]]
        return result

    def _encode(self, tokens: torch.Tensor) -> torch.Tensor:
        if self._causal is None:
            note(self.name, PATH, *self._why_plain)
            return self._plainly(tokens)
        try:
            return self._causal.encode(tokens)
        except Exception as error:
            blame(self.name, PATH, error, lambda: self._plainly(tokens))
            raise

    def _plainly(self, tokens: torch.Tensor) -> torch.Tensor:
        import torch

        starts = range(0, len(tokens), TEXTS_AT_ONCE)
        return torch.cat([self.network.encode_text(tokens[at : at + TEXTS_AT_ONCE]) for at in starts])

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
    nothing: a caption of 12 tokens costs 12, not the 77 of the context. Nor does it matter what other texts
    stand beside it: texts are packed as a trie, each token sees those before it in its own text, and a
    beginning that captions share is read once. Other towers (SigLIP pools the last position, MobileCLIP-S
    sees both ways, CoCa appends a token) always get their full context, text by text.

    Attributes:
        tower: the part of an open_clip network that holds the text tower.
        end: id of the end-of-text token, or None for the highest id in a text.
    """

    tower: Any
    end: int | None

    @classmethod
    def of(cls, network: Any) -> CausalTexts | None:
        """The text tower of a network, or None where padding might matter."""
        import torch
        from open_clip.model import CLIP, CustomTextCLIP
        from open_clip.transformer import TextTransformer

        if type(network) is CLIP:
            tower, pooling, end = network, network.text_pool_type, network.text_eos_id
        elif type(network) is CustomTextCLIP and type(network.text) is TextTransformer:
            tower, pooling, end = network.text, network.text.pool_type, network.text.eos_id
        else:
            return None
        if getattr(tower, "cls_emb", None) is not None or pooling not in ("argmax", "eos"):
            return None
        mask = tower.attn_mask
        if mask is None or not torch.equal(mask, torch.full_like(mask, -torch.inf).triu(1)):
            return None
        return cls(tower, end if pooling == "eos" else None)

    def encode(self, tokens: torch.Tensor) -> torch.Tensor:
        """Embeddings (T, D) of texts (T, C)."""
        import torch

        at_end = tokens if self.end is None else (tokens == self.end).int()
        ends = (at_end.argmax(dim=1) + 1).tolist()
        sequences = [text[:end] for text, end in zip(tokens.tolist(), ends, strict=True)]
        packs = list(chunks(sequences, NODES))
        states = torch.cat([self._read(Trie.of([sequences[i] for i in pack])) for pack in packs])
        order = torch.tensor([i for pack in packs for i in pack], device=states.device)
        projection = self.tower.text_projection
        embedded = torch.empty_like(states)
        embedded[order] = states
        if projection is None:
            return embedded
        projected: torch.Tensor = projection(embedded) if callable(projection) else embedded @ projection
        return projected

    def _read(self, trie: Trie) -> torch.Tensor:
        """States (T, W) at the ends of texts: open_clip's forward pass, with other places and sight."""
        import torch

        tower, where = self.tower, self.tower.positional_embedding
        dtype = tower.transformer.get_cast_dtype()
        read, depths, visible = (
            torch.from_numpy(part).to(where.device) for part in (trie.tokens, trie.depths, trie.ancestors())
        )
        mask = torch.zeros(visible.shape, dtype=dtype, device=where.device).masked_fill_(~visible, -torch.inf)
        states = tower.token_embedding(read).to(dtype) + where[depths].to(dtype)
        states = tower.ln_final(tower.transformer(states[None], attn_mask=mask))[0]
        ends: torch.Tensor = states[[path[-1] for path in trie.paths]]
        return ends


def _unit(embedded: torch.Tensor) -> torch.Tensor:
    from torch.nn.functional import normalize

    return normalize(embedded.float(), dim=-1)
