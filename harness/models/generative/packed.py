"""Log-likelihoods of many token sequences after one beginning, in one packed forward pass.

The sequences form a trie, which is read with a tree attention mask, as speculative decoding verifies its
drafts (SpecInfer, arXiv 2305.09781). The last token of a sequence need not be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.models.generative.prefix import Prefix
from harness.models.trie import Tokens, Trie, chunks

if TYPE_CHECKING:
    import torch

# Tokens read in one packed pass, over all images of a batch: the mask, and the logits of up to as many
# positions, stay below 1 GB for a vocabulary of 150,000.
NODES = 1024


def packed_scores(
    model: Any,
    inputs: Mapping[str, torch.Tensor],
    sequences: Sequence[Tokens],
    starts: Sequence[int],
    *,
    nodes: int = NODES,
) -> NDArray[np.float32]:
    """Log-likelihoods of token sequences after a shared beginning.

    Args:
        model: a transformers model for images and text.
        inputs: the beginnings, a batch of B images.
        sequences: n sequences of tokens that follow.
        starts: for each the index of its first token that counts.
        nodes: most tokens to read in one packed pass.

    Returns:
        (B, n) sums of log-probabilities of the tokens from `starts` on.

    Raises:
        Unfit: the model's cache or attention cannot be shared so.
    """
    import torch

    with torch.inference_mode():
        prefix = Prefix.of(model, inputs)
        sums = torch.zeros(len(prefix.logits), len(sequences), device=prefix.logits.device)
        read = [sequence[:-1] for sequence in sequences]
        for chunk in chunks(read, max(1, nodes // len(sums))):
            trie = Trie.of([read[i] for i in chunk])
            counted = [  # (sequence, node it stands after, token)
                (i, path[at - 1] if at else -1, sequences[i][at])
                for i, path in zip(chunk, trie.paths, strict=True)
                for at in range(starts[i], len(sequences[i]))
            ]
            after = sorted({node for _, node, _ in counted if node >= 0})
            if after:
                row = {node: row for row, node in enumerate(after)}
                _add(sums, prefix.read_trie(trie, after), [(i, row[n], t) for i, n, t in counted if n >= 0])
            _add(sums, prefix.logits[:, None], [(i, 0, t) for i, n, t in counted if n < 0])
    result: NDArray[np.float32] = sums.cpu().numpy()
    return result


def _add(sums: torch.Tensor, logits: torch.Tensor, counted: Sequence[tuple[int, int, int]]) -> None:
    # Adds the log-probability of each (column of sums, row of logits, token).
    import torch

    if counted:
        column, row, token = torch.tensor(counted, device=sums.device).T
        normaliser = torch.stack([one.float().logsumexp(-1) for one in logits])
        sums.index_add_(1, column, logits[:, row, token].float() - normaliser[:, row])
