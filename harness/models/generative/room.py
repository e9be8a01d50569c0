"""How much to read at once: images and tokens of a pass follow the memory that is free."""

from __future__ import annotations

from typing import Any

# Tokens of one pass. Beyond these a pass takes no less time per token: an H200 is busy from 5,000 on.
PASS = {"cuda": 16_384}
PASS_ELSEWHERE = 4096
# Of the memory that is free; the rest is for fragments and for what an estimate leaves out.
SHARE = 0.8


def room(model: Any, beginning: int, nodes: int, wanted: int, written: int = 0) -> tuple[int, int]:
    """How many images to read at once, and how many tokens after their beginnings in one pass.

    Images are divided before tokens are: each pass over the tokens reads all that stands before them again.

    Args:
        model: a transformers model for images and text.
        beginning: tokens that all questions about an image share.
        nodes: tokens after them, over all questions.
        wanted: after how many of these logits are wanted.
        written: tokens that are read one by one after these.

    Returns:
        At least one image, and at least one token, of those written too.
    """
    most = PASS.get(model.device.type, PASS_ELSEWHERE)
    free = _free_bytes(model)
    kept, passing, logits = _bytes(model)
    image = (beginning + nodes + written) * kept + max(beginning, nodes) * passing + wanted * logits
    images = min(most // max(beginning, nodes), free // image)
    if images:
        return images, nodes + written
    left = (free - beginning * (kept + passing)) // (kept + passing + logits)
    return 1, max(1, min(most, nodes + written, left))


def _bytes(model: Any) -> tuple[int, int, int]:
    """Of one token: its keys and values, what a layer makes of it in passing, its logits."""
    config, size = model.config.get_text_config(), model.dtype.itemsize
    hidden, heads = config.hidden_size, config.num_attention_heads
    width = getattr(config, "head_dim", None) or hidden // heads
    keys = (getattr(config, "num_key_value_heads", None) or heads) * width
    inner = getattr(config, "intermediate_size", None) or 4 * hidden
    return (
        2 * config.num_hidden_layers * keys * size,
        (3 * inner + 8 * hidden) * size,
        config.vocab_size * (size + 8),  # and as float32, twice
    )


def _free_bytes(model: Any) -> int:
    import torch

    if model.device.type != "cuda":
        return 1 << 62  # a pass is small there
    free, _ = torch.cuda.mem_get_info(model.device)
    unused = torch.cuda.memory_reserved(model.device) - torch.cuda.memory_allocated(model.device)
    return int(SHARE * (free + unused))
