"""Scores every answer to every question about an image in little more than one forward pass.

The image and the words that all questions begin with are read once; the rest of all questions and answers is
read in one packed pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.generative.encoding import Encoder, Family
from harness.models.generative.packed import packed_scores, passes
from harness.models.generative.pictures import Picture, alike, parts
from harness.models.generative.prefix import Prefix
from harness.models.generative.room import room
from harness.models.trie import Tokens, shared_length

Scores = list[tuple[NDArray[np.float32], NDArray[np.int64]]]


def sweep(
    model: Any,
    encoder: Encoder,
    pictures: Sequence[Picture],
    prompts: Sequence[str],
    continuations: Sequence[Sequence[str]],
) -> Scores:
    """Log-likelihoods as those of `plain_scores`, for all images and prompts together.

    Args:
        model: a transformers model for images and text.
        encoder: its processor.
        pictures: N images.
        prompts: rendered prompts.
        continuations: for each prompt its K answers, as they follow it.

    Returns:
        For each prompt (N, K) sums of log-probabilities and (K,) numbers of tokens that count.

    Raises:
        Unfit: the model cannot be read so.
    """
    import torch

    scores: Scores = [
        (np.empty((len(pictures), len(answers)), np.float32), np.empty(len(answers), np.int64))
        for answers in continuations
    ]
    for family in encoder.families(prompts, pictures[0].image):
        places, sequences, starts = _answers(encoder, family, prompts, continuations)
        keep = shared_length(*family.members.values(), *sequences)
        rest = [sequence[keep:] for sequence in sequences]
        counts = [start - keep for start in starts]
        (whole,) = passes(rest, counts, sum(map(len, rest)))
        for rows, inputs in alike(encoder, family, pictures, tuple(sequences[0][:keep])):
            beginning = inputs[0]["input_ids"].shape[1]
            images, nodes = room(model, beginning, len(whole.trie.tokens), len(whole.nodes))
            planned = [whole] if nodes == len(whole.trie.tokens) else list(passes(rest, counts, nodes))
            most = max(len(one.trie.tokens) for one in planned)
            for some, batch in parts(rows, inputs, images, model):
                with torch.inference_mode():
                    prefix = Prefix.of(model, batch, most)
                    sums = packed_scores(prefix, planned, len(sequences))
                for (prompt, answer), column in zip(places, sums.T, strict=True):
                    scores[prompt][0][some, answer] = column
        for (prompt, answer), sequence, start in zip(places, sequences, starts, strict=True):
            scores[prompt][1][answer] = len(sequence) - start
    return scores


def _answers(
    encoder: Encoder, family: Family, prompts: Sequence[str], continuations: Sequence[Sequence[str]]
) -> tuple[list[tuple[int, int]], list[Tokens], list[int]]:
    """For each answer its (prompt, answer) indices, its tokens past the head, and the first that counts."""
    places: list[tuple[int, int]] = []
    sequences: list[Tokens] = []
    starts: list[int] = []
    for prompt, tail in family.members.items():
        wholes = [encoder.continued(prompts[prompt], tail, text) for text in continuations[prompt]]
        places += [(prompt, answer) for answer in range(len(wholes))]
        sequences += wholes
        starts += [shared_length(tail, *wholes)] * len(wholes)
    return places, sequences, starts
