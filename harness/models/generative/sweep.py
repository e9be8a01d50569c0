"""Scores every answer to every question about an image in little more than one forward pass.

The image and the words that all questions begin with are read once; the rest of all questions and answers is
read in one packed pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.generative.encoding import Encoder, Family, batches
from harness.models.generative.packed import packed_scores
from harness.models.trie import Tokens, shared_length

Scores = list[tuple[NDArray[np.float32], NDArray[np.int64]]]


def sweep(
    model: Any,
    encoder: Encoder,
    pictures: Sequence[Any],
    prompts: Sequence[str],
    continuations: Sequence[Sequence[str]],
) -> Scores:
    """Log-likelihoods as those of `plain_scores`, for all images and prompts together.

    Args:
        model: a transformers model for images and text.
        encoder: its processor.
        pictures: N PIL images.
        prompts: rendered prompts.
        continuations: for each prompt its K answers, as they follow it.

    Returns:
        For each prompt (N, K) sums of log-probabilities and (K,) numbers of tokens that count.

    Raises:
        Unfit: the model cannot be read so.
    """
    scores: Scores = [
        (np.empty((len(pictures), len(answers)), np.float32), np.empty(len(answers), np.int64))
        for answers in continuations
    ]
    for family in encoder.families(prompts, pictures[0]):
        places, sequences, starts = _answers(encoder, family, prompts, continuations)
        keep = shared_length(*family.members.values(), *sequences)
        rest = [sequence[keep:] for sequence in sequences]
        for rows, inputs in batches(encoder, family, pictures, keep, model):
            sums = packed_scores(model, inputs, rest, [start - keep for start in starts])
            for (prompt, answer), column in zip(places, sums.T, strict=True):
                scores[prompt][0][rows, answer] = column
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
