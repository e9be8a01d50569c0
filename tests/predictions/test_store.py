"""The store keeps what it was given, whatever happens around it."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import HarnessWarning, StoreError
from harness.store.answers import Store


def rows(*digests, outcome="parsed", label="happy"):
    answered = outcome == "parsed"
    frame = pd.DataFrame(
        {
            "pixel_digest": list(digests),
            "outcome": outcome,
            "label": label if answered else None,
            "raw_text": None,
            "reason": None if answered else "timeout",
            "latency_s": 0.1,
        }
    )
    return pa.Table.from_pandas(frame, preserve_index=False)


def test_an_empty_store_reads_as_no_rows(store, identity):
    assert store.read(identity).empty


def test_rows_come_back_by_pixel_digest(store, identity):
    store.write(identity, rows("b", "a"))
    store.write(identity, rows("c", label="sad"))
    read = store.read(identity)
    assert list(read.index) == ["a", "b", "c"]
    assert list(read["label"]) == ["happy", "happy", "sad"]


def test_another_identity_sees_nothing(store, identity):
    store.write(identity, rows("a"))
    assert store.read(replace(identity, weights="w2")).empty


def test_an_answer_wins_over_a_failure_in_either_order(store, identity):
    store.write(identity, rows("a"))
    store.write(identity, rows("a", "b", outcome="failed"))
    store.write(identity, rows("b"))
    assert list(store.read(identity)["outcome"]) == ["parsed", "parsed"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, unique=True), min_size=1, max_size=6))
def test_compaction_changes_nothing_that_is_read(tmp_path_factory, identity, batches):
    store = Store(tmp_path_factory.mktemp("store"))
    for batch in batches:
        store.write(identity, rows(*batch))
    before = store.read(identity)
    store.compact(identity)
    pd.testing.assert_frame_equal(store.read(identity), before)
    assert len(list(store.folder(identity).glob("*.parquet"))) == 1


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_a_damaged_shard_is_named_and_left_out(store, identity, damage):
    store.write(identity, rows("a"))
    store.write(identity, rows("b"))
    victim = next(
        p
        for p in store.folder(identity).glob("*.parquet")
        if "a" in pd.read_parquet(p)["pixel_digest"].values
    )
    body = victim.read_bytes()
    flipped = bytes([*body[:100], body[100] ^ 1, *body[101:]])
    victim.write_bytes({"truncate": body[: len(body) // 2], "flip": flipped, "empty": b""}[damage])
    with pytest.warns(HarnessWarning, match=victim.name):
        assert list(store.read(identity).index) == ["b"]


@pytest.mark.parametrize("odd", ["folder", "pipe", "link to itself"])
def test_what_is_no_file_is_a_damaged_shard(store, identity, odd):
    store.write(identity, rows("a"))
    store.write(identity, rows("b"))
    victim = next(p for p in store.folder(identity).glob("*.parquet") if b"a" in p.read_bytes())
    lost = pd.read_parquet(victim)["pixel_digest"][0]
    victim.unlink()
    if odd == "folder":
        victim.mkdir()
    elif odd == "pipe":
        os.mkfifo(victim)
    else:
        victim.symlink_to(victim.name)
    with pytest.warns(HarnessWarning, match=victim.name):
        assert list(store.read(identity).index) == sorted({"a", "b"} - {lost})
    store.write(identity, rows("c"))
    with pytest.warns(HarnessWarning):
        store.compact(identity)
    with pytest.warns(HarnessWarning):
        assert sorted(store.read(identity).index) == sorted({"a", "b", "c"} - {lost})


def test_an_array_that_is_a_pipe_is_computed_again(store):
    store.keep(KEY, ARRAY)
    (path,) = store.root.glob("kept/*.npy")
    path.unlink()
    os.mkfifo(path)
    with pytest.warns(HarnessWarning, match=path.name):
        assert store.recall(KEY) is None


def test_a_damaged_shard_survives_compaction_of_the_others(store, identity):
    store.write(identity, rows("a"))
    store.write(identity, rows("b"))
    store.write(identity, rows("c"))
    victim = sorted(store.folder(identity).glob("*.parquet"))[0]
    lost = pd.read_parquet(victim)["pixel_digest"][0]
    victim.write_bytes(b"PAR1")
    with pytest.warns(HarnessWarning):
        store.compact(identity)
    with pytest.warns(HarnessWarning):
        assert sorted(store.read(identity).index) == sorted({"a", "b", "c"} - {lost})


ARRAY = np.arange(6, dtype=np.float32).reshape(2, 3)
KEY = ["class weights", "identity", "words"]


def test_an_array_is_computed_once(store):
    for _ in range(2):
        np.testing.assert_array_equal(store.remember(KEY, lambda: ARRAY), ARRAY)
    np.testing.assert_array_equal(store.remember(KEY, lambda: pytest.fail("again")), ARRAY)
    (path,) = store.root.rglob("*.npy")
    np.testing.assert_array_equal(np.load(path), ARRAY)  # whoever else looks at it


def test_no_array_with_a_single_wrong_bit_is_served(store):
    store.keep(KEY, ARRAY)
    (path,) = store.root.rglob("*.npy")
    body = path.read_bytes()
    for position in range(len(body)):
        path.write_bytes(bytes([*body[:position], body[position] ^ 4, *body[position + 1 :]]))
        with pytest.warns(HarnessWarning, match=f"{path.name} is damaged; what it held is computed again"):
            assert store.recall(KEY) is None


@pytest.mark.parametrize(
    "body", [b"", b"\x93NUMPY", np.float64(3).tobytes() * 9], ids=["empty", "cut", "noise"]
)
def test_a_damaged_array_is_computed_again_and_mended(store, body):
    store.keep(KEY, ARRAY)
    (path,) = store.root.rglob("*.npy")
    path.write_bytes(body)
    with pytest.warns(HarnessWarning, match="is damaged"):
        np.testing.assert_array_equal(store.remember(KEY, lambda: ARRAY + 1), ARRAY + 1)
    np.testing.assert_array_equal(store.recall(KEY), ARRAY + 1)


def test_identity_is_kept_in_the_open(store, identity):
    store.write(identity, rows("a"))
    assert '"model": "test:counting"' in (store.folder(identity) / "identity.json").read_text()


def test_a_read_only_store_still_reads_and_says_why_it_cannot_write(small_disk, identity):
    store = Store(small_disk / "store")
    store.write(identity, rows("a"))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert list(store.read(identity).index) == ["a"]
    with pytest.raises(StoreError, match="cannot be written.*Read-only.*--store"):
        store.check_writable()
    with pytest.raises(StoreError, match="cannot be written.*Read-only.*--store"):
        store.write(identity, rows("b"))
    store.compact(identity)
    assert list(store.read(identity).index) == ["a"]


def test_a_full_disk_stops_with_one_line_and_keeps_what_was_stored(small_disk, identity):
    store = Store(small_disk / "store")
    written = []

    def fill():
        for number in range(1000):
            digests = [f"{number:05d}-{i:05d}-{'x' * 40}" for i in range(200)]
            store.write(identity, rows(*digests))
            written.extend(digests)

    with pytest.raises(StoreError, match="cannot be written.*--store") as caught:
        fill()
    assert "\n" not in str(caught.value)
    assert written
    assert set(store.read(identity).index) == set(written)
    assert not list(store.root.rglob("*.tmp"))


WRITER = """
import sys
from pathlib import Path
import pandas as pd
import pyarrow as pa
from harness.identity import Identity
from harness.store.answers import Store
store = Store(Path(sys.argv[1]))
identity = Identity(model="test:counting", weights="w1", labels=("angry", "happy", "sad"))
for start in range(0, 60, 3):
    digests = [f"{i:03d}" for i in range(start, start + 3)]
    columns = {"outcome": "parsed", "label": "sad", "raw_text": None, "reason": None, "latency_s": 0.1}
    store.write(identity, pa.Table.from_pandas(pd.DataFrame({"pixel_digest": digests, **columns})))
    store.read(identity)
    store.compact(identity)
"""


def test_processes_may_write_read_and_compact_one_cell_at_once(store, identity):
    writers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WRITER, str(store.root)], stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    assert list(store.read(identity).index) == [f"{i:03d}" for i in range(60)]
