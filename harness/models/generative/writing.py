"""Writes the answers to many prompts about many images at once, a token of each in every pass.

All answers about an image stand in one sequence behind what the prompts share, and each sees its own prompt
and itself alone: what is shared is kept, and read, once per image. Answers that have ended leave.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.models.generative.attention import unplanned
from harness.models.generative.encoding import Tokens
from harness.models.generative.prefix import Prefix
from harness.models.trie import Trie

if TYPE_CHECKING:
    import torch


def write(
    prefix: Prefix, tails: Sequence[Tokens], limits: Sequence[int], ends: frozenset[int]
) -> list[list[list[int]]]:
    """Continues each prompt about each image with the likeliest token, step by step.

    Args:
        prefix: beginnings of B images.
        tails: the rest of each of P prompts.
        limits: for each the most tokens to write.
        ends: tokens that end an answer.

    Returns:
        For each prompt and image the tokens written, the end token included if it came to that.
    """
    prefix.rewind()
    logits, paths = _first(prefix, tails)
    images = len(logits)
    written: list[list[list[int]]] = [[[] for _ in range(images)] for _ in tails]
    alive = [list(range(len(tails)))] * images
    seen = np.broadcast_to(paths, (images, *paths.shape))
    lengths = np.array([len(tail) for tail in tails])
    while True:
        # To look a step later would spare the wait, and cost answers of two or three tokens a step too many.
        for row, tokens in enumerate(logits.argmax(-1).tolist()):
            for prompt, token in zip(alive[row], tokens, strict=False):
                written[prompt][row].append(token)
        alive = [
            [
                prompt
                for prompt in prompts
                if written[prompt][row][-1] not in ends and len(written[prompt][row]) < limits[prompt]
            ]
            for row, prompts in enumerate(alive)
        ]
        if not any(alive):
            return written
        logits, seen = _next(prefix, alive, written, lengths, seen)


def first_two(prefix: Prefix, tails: Sequence[Tokens], at: int) -> Iterator[torch.Tensor]:
    """Logits (V,) after one of the prompts about the first image, and after the likeliest token then."""
    prefix.rewind()
    logits, paths = _first(prefix, tails)
    yield logits[0, at]
    written: list[list[list[int]]] = [[[]] for _ in tails]
    written[at][0].append(int(logits[0, at].argmax()))
    lengths = np.array([len(tail) for tail in tails])
    yield _next(prefix, [[at]], written, lengths, paths[None])[0][0, 0]


def _first(prefix: Prefix, tails: Sequence[Tokens]) -> tuple[torch.Tensor, NDArray[np.bool_]]:
    """Logits (B, P, V) after each prompt, and which of the S tokens read each prompt sees, (P, S)."""
    trie = Trie.of(tails)
    paths = np.zeros((len(tails), len(trie.tokens)), np.bool_)
    for row, path in zip(paths, trie.paths, strict=True):
        row[list(path)] = True
    if not len(trie.tokens):
        return prefix.logits[:, None].expand(-1, len(tails), -1), paths
    ends = np.array([path[-1] if path else 0 for path in trie.paths])
    logits = prefix.read_trie(trie, trie.ancestors(), ends)
    paths = np.pad(paths, ((0, 0), (0, prefix.behind - paths.shape[1])))
    if () in tails:  # it ends where the beginning does
        logits[:, tails.index(())] = prefix.logits
    return logits, paths


def _next(
    prefix: Prefix,
    alive: Sequence[Sequence[int]],
    written: Sequence[Sequence[Sequence[int]]],
    lengths: NDArray[np.int64],
    seen: NDArray[np.bool_],
) -> tuple[torch.Tensor, NDArray[np.bool_]]:
    """Logits (B, W, V) after the tokens last written to the prompts that are alive.

    Rows with fewer of them than W are filled up with tokens that nothing sees. `seen` (B, P, K) tells which
    of the tokens behind the beginning each prompt sees, and is returned with those that were read now.
    """
    import torch

    images, width = len(alive), max(map(len, alive))
    prompts = np.zeros((images, width), np.int64)
    tokens, steps, real = np.zeros_like(prompts), np.zeros_like(prompts), np.zeros_like(prompts, np.bool_)
    for row, asked in enumerate(alive):
        count = len(asked)
        prompts[row, :count] = asked
        tokens[row, :count] = [written[prompt][row][-1] for prompt in asked]
        steps[row, :count] = [len(written[prompt][row]) - 1 for prompt in asked]
        real[row, :count] = True
    rows = np.arange(images)[:, None]
    themselves = np.broadcast_to(np.eye(width, dtype=np.bool_), (images, width, width))
    with unplanned(prefix.logits.device):
        logits = prefix.read(
            torch.from_numpy(tokens).to(prefix.logits.device),
            lengths[prompts] + steps,
            np.concatenate([seen[rows, prompts], themselves], 2),
            np.arange(width),
        )
    new = np.zeros((*seen.shape[:2], width), np.bool_)
    new[rows, prompts, np.arange(width)] = real
    return logits, np.concatenate([seen, new], 2)
