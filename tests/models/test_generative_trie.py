"""The token trie: nothing is lost, nothing is kept twice."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.models.trie import Trie, chunks, shared_length

# Few tokens, so that sequences share beginnings; the empty one is an answer of a single token.
SEQUENCES = st.lists(st.lists(st.integers(0, 3), max_size=7), min_size=1, max_size=12)


def beginnings(sequences) -> set[tuple[int, ...]]:
    return {tuple(sequence[: n + 1]) for sequence in sequences for n in range(len(sequence))}


@given(SEQUENCES)
def test_every_sequence_can_be_read_off_its_path(sequences):
    trie = Trie.of(sequences)
    for sequence, path in zip(sequences, trie.paths, strict=True):
        assert trie.tokens[list(path)].tolist() == sequence
        assert trie.parents[list(path)].tolist() == [-1, *path][: len(path)]
        assert trie.depths[list(path)].tolist() == list(range(len(path)))


@given(SEQUENCES)
def test_there_is_one_node_for_each_distinct_beginning(sequences):
    trie = Trie.of(sequences)
    assert len(trie.tokens) == len(trie.parents) == len(trie.depths) == len(beginnings(sequences))


@given(SEQUENCES)
def test_a_node_sees_its_own_path_and_nothing_else(sequences):
    trie = Trie.of(sequences)
    seen = trie.ancestors()
    assert seen.shape == (len(trie.tokens), len(trie.tokens))
    for path in trie.paths:
        for length, node in enumerate(path):
            assert np.flatnonzero(seen[node]).tolist() == sorted(path[: length + 1])


@given(SEQUENCES, st.integers(1, 12))
def test_chunks_share_out_all_sequences_within_the_limit(sequences, limit):
    parts = list(chunks(sequences, limit))
    assert sorted(index for part in parts for index in part) == list(range(len(sequences)))
    for part in parts:
        members = [sequences[index] for index in part]
        assert len(beginnings(members)) <= limit or len(part) == 1


@given(SEQUENCES)
def test_one_chunk_is_enough_where_all_nodes_fit(sequences):
    assert len(list(chunks(sequences, max(1, len(beginnings(sequences)))))) == 1


@given(SEQUENCES)
def test_the_shared_length_is_that_of_the_common_prefix(sequences):
    shared = shared_length(*sequences)
    assert len({tuple(sequence[:shared]) for sequence in sequences}) == 1
    assert any(len(sequence) == shared for sequence in sequences) or len({s[shared] for s in sequences}) > 1
