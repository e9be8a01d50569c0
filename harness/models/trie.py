"""Token sequences as a trie: what they share at their beginnings is computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tokens = Sequence[int]


@dataclass(frozen=True)
class Trie:
    """Sequences of tokens, merged where they begin alike.

    Attributes:
        tokens: (S,) token of each node; a node stands after its parent.
        parents: (S,) node before it, -1 for the root, which is no node.
        depths: (S,) how many nodes stand before it on its path.
        paths: for each sequence the nodes of its tokens, in order.
    """

    tokens: NDArray[np.int64]
    parents: NDArray[np.int64]
    depths: NDArray[np.int64]
    paths: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, sequences: Sequence[Tokens]) -> Trie:
        """Merges sequences."""
        children: dict[tuple[int, int], int] = {}  # (parent, token) -> node, in the order of nodes
        depths: list[int] = []
        paths = []
        for sequence in sequences:
            path: list[int] = []
            for depth, token in enumerate(sequence):
                node = children.setdefault((path[-1] if path else -1, token), len(children))
                if node == len(depths):
                    depths.append(depth)
                path.append(node)
            paths.append(tuple(path))
        parents, tokens = np.array(list(children), np.int64).reshape(-1, 2).T
        return cls(tokens, parents, np.array(depths, np.int64), tuple(paths))

    def ancestors(self) -> NDArray[np.bool_]:
        """(S, S): whether the column's node is the row's node or stands before it on its path."""
        seen = np.eye(len(self.tokens), dtype=np.bool_)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                seen[node] |= seen[parent]
        return seen


def shared_length(first: Tokens, *others: Tokens) -> int:
    """How many tokens all sequences begin with."""
    for length, token in enumerate(first):
        if any(length >= len(other) or other[length] != token for other in others):
            return length
    return len(first)


def chunks(sequences: Sequence[Tokens], limit: int, more: int = 0) -> Iterator[list[int]]:
    """Divides sequences into sets whose tries have at most `limit` nodes, like beside like.

    Args:
        sequences: sequences of tokens.
        limit: most nodes.
        more: nodes of its own that each sequence will have besides.

    Yields:
        Indices of sequences. A sequence longer than `limit` is a set of its own.
    """
    chunk: list[int] = []
    nodes = 0
    for index in sorted(range(len(sequences)), key=lambda i: tuple(sequences[i])):
        # In sorted order no earlier sequence shares more with this one than the last does.
        known = shared_length(sequences[index], sequences[chunk[-1]]) if chunk else 0
        if chunk and nodes + len(sequences[index]) - known + more > limit:
            yield chunk
            chunk, nodes, known = [], 0, 0
        chunk.append(index)
        nodes += len(sequences[index]) - known + more
    if chunk:
        yield chunk
