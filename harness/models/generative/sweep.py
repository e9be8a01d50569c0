"""Scores every answer to every question about an image in little more than one forward pass.

The image and the words that all questions begin with are read once; the rest of all questions and answers is
read in one packed pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.models.generative.encoding import Encoder
from harness.models.generative.packed import Pass, packed_scores, passes
from harness.models.generative.pictures import Picture, alike, parts
from harness.models.generative.prefix import Prefix
from harness.models.generative.room import room
from harness.models.trie import Tokens, shared_length

Scores = list[tuple[NDArray[np.float32], NDArray[np.int64]]]


@dataclass(frozen=True)
class Plan:
    """What is read of questions that are the same through the image.

    Attributes:
        shared: tokens after the image with which all answered questions begin.
        rest: for each answer of each question, one after the other, the tokens after these.
        starts: for each the index in `rest` of its first token that counts.
        whole: all of them in one pass.
    """

    shared: Tokens
    rest: list[Tokens]
    starts: list[int]
    whole: Pass


class Sweep:
    """Sweeps of one model.

    Args:
        model: a transformers model for images and text.
        encoder: its processor.
    """

    def __init__(self, model: Any, encoder: Encoder) -> None:
        self._model = model
        self._encoder = encoder
        # Batch after batch is asked the same; the GPU would wait for 10 ms.
        self._plan = lru_cache(maxsize=16)(self._planned)

    def scores(
        self, pictures: Sequence[Picture], prompts: Sequence[str], continuations: Sequence[Sequence[str]]
    ) -> Scores:
        """Log-likelihoods as those of `plain_scores`, for all images and prompts together.

        Args:
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
        for family in self._encoder.families(prompts, pictures[0].image):
            asked = [(prompts[at], tail, tuple(continuations[at])) for at, tail in family.members.items()]
            plan = self._plan(tuple(asked))
            places = [(at, answer) for at in family.members for answer in range(len(continuations[at]))]
            nodes, n = len(plan.whole.trie.tokens), len(plan.rest)
            for rows, inputs in alike(self._encoder, family, pictures, tuple(plan.shared)):
                beginning = inputs[0]["input_ids"].shape[1]
                images, most = room(self._model, beginning, nodes, len(plan.whole.nodes))
                planned = [plan.whole] if most == nodes else list(passes(plan.rest, plan.starts, most))
                longest = max(len(one.trie.tokens) for one in planned)
                for some, batch in parts(rows, inputs, images, self._model):
                    with torch.inference_mode():
                        sums = packed_scores(Prefix.of(self._model, batch, longest), planned, n)
                    for (prompt, answer), column in zip(places, sums.T, strict=True):
                        scores[prompt][0][some, answer] = column
            for (prompt, answer), rest, start in zip(places, plan.rest, plan.starts, strict=True):
                scores[prompt][1][answer] = len(rest) - start
        return scores

    def _planned(self, asked: tuple[tuple[str, Tokens, tuple[str, ...]], ...]) -> Plan:
        # Of each question the prompt, its tokens after the image, and its answers.
        sequences: list[Tokens] = []
        starts: list[int] = []
        for prompt, tail, answers in asked:
            wholes = [self._encoder.continued(prompt, tuple(tail), answer) for answer in answers]
            sequences += wholes
            starts += [shared_length(tail, *wholes)] * len(wholes)
        keep = shared_length(*(tail for _, tail, _ in asked), *sequences)
        rest, starts = [sequence[keep:] for sequence in sequences], [start - keep for start in starts]
        (whole,) = passes(rest, starts, sum(map(len, rest)))
        return Plan(sequences[0][:keep], rest, starts, whole)
