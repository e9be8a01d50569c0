"""The plain forward pass: one per question and answer. The sweep is held against it, and falls back on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.models.generative.encoding import Encoder, batch
from harness.models.trie import shared_length

if TYPE_CHECKING:
    import torch


def plain_scores(
    model: Any, encoder: Encoder, image: Any, prompt: str, continuations: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Log-likelihoods of K continuations of one prompt about one image.

    The processor tokenises prompt and continuation as one string, as it does in training. The tokens that
    count are those after what the prompt and all of its continuations have in common: where a tokeniser
    merges the end of the prompt with the beginning of an answer, the merged token counts for all answers.

    Returns:
        (K,) sums of log-probabilities and (K,) numbers of tokens that count.
    """
    import torch

    alone = _ids(encoder.inputs(prompt, image))
    wholes = [encoder.inputs(prompt + continuation, image) for continuation in continuations]
    start = shared_length(alone, *map(_ids, wholes))
    sums = []
    with torch.inference_mode():
        for inputs in wholes:
            on_device = batch([inputs], model)
            logits = model(**on_device).logits[0, start - 1 : -1].float()
            tokens = on_device["input_ids"][0, start:, None]
            sums.append(logits.log_softmax(-1).gather(1, tokens).sum().item())
    counts = [inputs["input_ids"].shape[1] - start for inputs in wholes]
    return np.array(sums, np.float32), np.array(counts, np.int64)


def plain_next(model: Any, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Log-probabilities (V,) of the token after one prompt about one image."""
    import torch

    with torch.inference_mode():
        logits = model(**batch([inputs], model)).logits[0, -1]
    result: torch.Tensor = logits.float().log_softmax(-1)
    return result


def _ids(inputs: Mapping[str, torch.Tensor]) -> tuple[int, ...]:
    return tuple(inputs["input_ids"][0].tolist())
