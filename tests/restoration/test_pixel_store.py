"""Restored pixels come back as they were, from any mixture of shards, or are known to be damaged."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from tiny_restorers import faces

from harness.errors import HarnessWarning, StoreError
from harness.identity import Identity
from harness.stimuli import Picture, pixel_digest
from harness.store.pixels import FULL, PixelStore, pack, row_of, unpack

IDENTITY = Identity(model="shift", weights="")


@pytest.fixture
def store(tmp_path):
    return PixelStore(tmp_path / "pixels")


def rows(*numbers: int, **more) -> pa.Table:
    """Rows of images full of a number each."""
    cost = {"latency_s": 0.5, "peak_memory_mb": 9.0}
    return pa.Table.from_pylist(
        [
            {"pixel_digest": f"{number:06d}", **row_of(Picture(picture(number))), **cost, **more}
            for number in numbers
        ]
    )


def failures(*numbers: int) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"pixel_digest": f"{number:06d}", "outcome": "failed", "label": None, "reason": "it would not"}
            for number in numbers
        ]
    )


def picture(number: int) -> np.ndarray:
    return np.full((2, 3), number % 251, np.uint8)


def pixels_of(store: PixelStore, number: int) -> np.ndarray:
    row = store.read(IDENTITY).loc[f"{number:06d}"]
    return store.pixels(row["shard"], row["row"], row["restored_digest"])


SIDES = st.tuples(st.integers(1, 7), st.integers(1, 7))
SHAPES = st.one_of(SIDES, SIDES.map(lambda sides: (*sides, 3)))


class TestPacking:
    @given(SHAPES.flatmap(lambda shape: arrays(np.uint8, shape)))
    def test_loses_nothing(self, pixels):
        again = unpack(pack(pixels), pixels.shape)
        assert again.dtype == np.uint8
        np.testing.assert_array_equal(again, pixels)

    def test_takes_less_than_png(self):
        pictures = faces(4, (224, 224, 3))
        packed = sum(len(pack(image)) for image in pictures)
        assert packed < sum(len(image_file(image)) for image in pictures)

    def test_another_shape_is_refused(self):
        with pytest.raises((OSError, ValueError), match="."):
            unpack(pack(np.zeros((4, 4), np.uint8)), (4, 5))


def image_file(image: np.ndarray) -> bytes:
    import io

    body = io.BytesIO()
    Image.fromarray(image).save(body, "PNG")
    return body.getvalue()


def test_what_is_written_is_read(store):
    store.write(IDENTITY, rows(1, 2))
    store.write(IDENTITY, rows(3))
    found = store.read(IDENTITY)
    assert set(found.index) == {"000001", "000002", "000003"}
    assert found.loc["000003", "restored_digest"] == pixel_digest(picture(3))
    for number in (1, 2, 3):
        np.testing.assert_array_equal(pixels_of(store, number), picture(number))


def test_nothing_stored_is_an_empty_table(store):
    assert len(store.read(IDENTITY)) == 0
    assert "outcome" in store.read(IDENTITY)
    store.compact(IDENTITY)


def test_restorers_are_apart(store):
    store.write(IDENTITY, rows(1))
    assert len(store.read(Identity(model="shift", weights="", processor={"by": 2}))) == 0


def test_a_restored_image_wins_over_a_failure_and_a_failure_keeps_its_reason(store):
    store.write(IDENTITY, failures(1, 2))
    store.write(IDENTITY, rows(1))
    store.write(IDENTITY, failures(1))
    found = store.read(IDENTITY)
    assert found["outcome"].to_dict() == {"000001": "restored", "000002": "failed"}
    assert found.loc["000002", "reason"] == "it would not"


def test_two_results_for_one_image_are_the_same_one_to_all_readers(tmp_path):
    found = set()
    for order in ((5, 6), (6, 5)):
        store = PixelStore(tmp_path / str(order))
        for number in order:
            store.write(IDENTITY, rows(number).set_column(0, "pixel_digest", pa.array(["source"])))
        found.add(store.read(IDENTITY).loc["source", "restored_digest"])
    assert len(found) == 1


def test_small_shards_are_merged_in_the_order_of_writing_and_large_ones_left_alone(store):
    folder = store.folder(IDENTITY)
    store.write(IDENTITY, rows(*range(1000, 1000 + FULL)))
    (large,) = folder.glob("*.parquet")
    for start in range(0, FULL, 64):
        store.write(IDENTITY, rows(*range(start, start + 64)))
    store.write(IDENTITY, failures(5000))
    before = store.read(IDENTITY)
    store.compact(IDENTITY)
    shards = set(folder.glob("*.parquet"))
    assert large in shards
    assert len(shards) == 3  # the large one, four merged, and the failure that is left over
    after = store.read(IDENTITY)
    assert set(after.index) == set(before.index)
    assert after.loc[[f"{n:06d}" for n in range(FULL)], "row"].tolist() == list(range(FULL))
    for number in (0, 63, 64, FULL - 1, 1000):
        np.testing.assert_array_equal(pixels_of(store, number), picture(number))


def test_a_shard_that_was_merged_away_is_no_damage(store):
    store.write(IDENTITY, rows(1))
    row = store.read(IDENTITY).loc["000001"]
    store.write(IDENTITY, rows(2))
    store.compact(IDENTITY)
    with pytest.raises(FileNotFoundError):
        PixelStore(store.root).pixels(row["shard"], row["row"], row["restored_digest"])


@pytest.mark.parametrize("damage", [lambda body: b"", lambda body: body[:-50], lambda body: body[50:]])
def test_a_truncated_shard_is_left_out_with_a_warning(store, damage):
    store.write(IDENTITY, rows(1))
    store.write(IDENTITY, rows(2))
    shard = sorted(store.folder(IDENTITY).glob("*.parquet"))[0]
    shard.write_bytes(damage(shard.read_bytes()))
    with pytest.warns(HarnessWarning, match=f"{shard.name} is damaged; its images are restored again"):
        assert len(store.read(IDENTITY)) == 1
    store.compact(IDENTITY)
    assert len(list(store.folder(IDENTITY).glob("*.parquet"))) == 2


def test_every_altered_byte_of_pixels_is_noticed(store):
    noise = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    table = pa.Table.from_pylist([{"pixel_digest": "n", **row_of(Picture(noise))}])
    store.write(IDENTITY, table)
    (shard,) = store.folder(IDENTITY).glob("*.parquet")
    body, packed = shard.read_bytes(), pack(noise)
    start = body.index(packed)
    row = store.read(IDENTITY).loc["n"]
    for position in (start, start + 5, start + len(packed) // 2, start + len(packed) - 1):
        shard.write_bytes(body[:position] + bytes([body[position] ^ 1]) + body[position + 1 :])
        with pytest.raises(StoreError, match=f"Restored pixels in .*{shard.name} are damaged. Delete"):
            PixelStore(store.root).pixels(row["shard"], row["row"], row["restored_digest"])


def test_digests_are_read_without_the_pixels(store, monkeypatch):
    store.write(IDENTITY, rows(1))
    seen = []
    read = pq.ParquetFile.read

    def watched(self, columns, **more):
        seen.extend(columns)
        return read(self, columns, **more)

    monkeypatch.setattr(pq.ParquetFile, "read", watched)
    store.read(IDENTITY)
    assert "restored_digest" in seen
    assert "pixels" not in seen


def test_no_shard_with_a_single_wrong_byte_is_read_or_merged(store):
    """Names of columns and places of pages stand at its end, under no checksum of parquet's."""
    store.write(IDENTITY, rows(1, 2))
    (shard,) = store.folder(IDENTITY).glob("*.parquet")
    body = shard.read_bytes()
    for position in range(0, len(body), 11):
        shard.write_bytes(bytes([*body[:position], body[position] ^ 4, *body[position + 1 :]]))
        with pytest.warns(HarnessWarning, match="is damaged"):
            assert store.read(IDENTITY).empty
    store.write(IDENTITY, rows(3))
    with pytest.warns(HarnessWarning, match="is damaged"):
        store.compact(IDENTITY)
    assert shard.exists()
