"""Log-likelihoods of many token sequences after one beginning, in one packed forward pass.

The sequences form a trie, which is read with a tree attention mask, as speculative decoding verifies its
drafts (SpecInfer, arXiv 2305.09781). The last token of a sequence need not be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.models.generative.prefix import Prefix
from harness.models.trie import Tokens, Trie, chunks

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Pass:
    """What is read at once.

    Attributes:
        trie: tokens to read, none where all that counts stands right after the beginning.
        seen: (S, S) which of them each sees.
        nodes: (M,) nodes of it after which logits are wanted.
        inside: (c, 3) tokens that count: index of the sequence, index into `nodes`, token.
        outset: (d, 3) those right after the beginning: index of the sequence, 0, token.
    """

    trie: Trie
    seen: NDArray[np.bool_]
    nodes: NDArray[np.int64]
    inside: NDArray[np.int64]
    outset: NDArray[np.int64]


def passes(sequences: Sequence[Tokens], starts: Sequence[int], nodes: int) -> Iterator[Pass]:
    """Divides sequences into passes.

    Args:
        sequences: n sequences of tokens.
        starts: for each the index of its first token that counts.
        nodes: most tokens to read in one pass.
    """
    read = [sequence[:-1] for sequence in sequences]
    for chunk in chunks(read, nodes):
        trie = Trie.of([read[i] for i in chunk])
        counted = [  # (sequence, node it stands after, token)
            (i, path[at - 1] if at else -1, sequences[i][at])
            for i, path in zip(chunk, trie.paths, strict=True)
            for at in range(starts[i], len(sequences[i]))
        ]
        after = sorted({node for _, node, _ in counted if node >= 0})
        row = {node: row for row, node in enumerate(after)}
        yield Pass(
            trie,
            trie.ancestors(),
            np.array(after, np.int64),
            np.array([(i, row[n], token) for i, n, token in counted if n >= 0], np.int64),
            np.array([(i, 0, token) for i, n, token in counted if n < 0], np.int64),
        )


def packed_scores(prefix: Prefix, planned: Sequence[Pass], n: int) -> NDArray[np.float32]:
    """Log-likelihoods of token sequences after a shared beginning.

    Args:
        prefix: the beginnings, a batch of B images.
        planned: passes over n sequences that follow.
        n: how many they are.

    Returns:
        (B, n) sums of log-probabilities of the tokens that count.

    Raises:
        Unfit: the model's attention cannot be shared so.
    """
    import torch

    sums = torch.zeros(len(prefix.logits), n, device=prefix.logits.device)
    for one in planned:
        if len(one.nodes):
            prefix.rewind()
            _add(sums, prefix.read_trie(one.trie, one.seen, one.nodes), one.inside)
        _add(sums, prefix.logits[:, None], one.outset)
    result: NDArray[np.float32] = sums.cpu().numpy()
    return result


def _add(sums: torch.Tensor, logits: torch.Tensor, counted: NDArray[np.int64]) -> None:
    # Adds the log-probability of each (column of sums, row of logits, token).
    import torch

    if len(counted):
        column, row, token = torch.from_numpy(counted).to(sums.device).T
        normaliser = torch.stack([one.float().logsumexp(-1) for one in logits])
        sums.index_add_(1, column, logits[:, row, token].float() - normaliser[:, row])
