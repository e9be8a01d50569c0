"""Faults of restoring stay with their image and are tried again; a store that cannot be used says so."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from restoring import SPACE, make_dataset
from tiny_restorers import Shift

from harness.datasets import Dataset, Sample
from harness.engine import Source
from harness.errors import DataError, HarnessWarning, ModelError, StoreError
from harness.store.pixels import pack
from harness.tasks import Choice


def unread(run, dataset: Dataset) -> Dataset:
    """A data set that is restored, none of whose pixels this reader has read yet."""
    run(dataset)
    return run(dataset).of()


def test_an_image_that_cannot_be_restored_is_a_failure_with_its_reason(run):
    restored = run(make_dataset(), broken=[3, 4]).of()
    assert [i for i, digest in enumerate(restored.digests) if digest is None] == [3, 4]
    with pytest.raises(DataError, match=r"003 was not restored by shift: .* not numbers\. Run again"):
        restored.pixels(3)
    np.testing.assert_array_equal(restored.pixels(5), make_dataset().pixels(5) + 1)


def test_failures_are_tried_again_by_the_next_run(run):
    assert run(make_dataset(), broken=[3]).of().digests[3] is None
    shown = Shift.shown[1]
    assert None not in run(make_dataset()).of().digests
    assert Shift.shown[1] == shown + 1


def test_an_unreadable_source_keeps_its_own_reason(run):
    restored = run(make_dataset(unreadable=(2,))).of()
    assert restored.digests[2] is None
    with pytest.raises(DataError, match=r"002\.png is truncated\. Replace the file"):
        restored.pixels(2)
    assert Shift.shown == {1: 9}


@pytest.mark.parametrize(
    ("makes", "reason"),
    [
        ("floats", "ValueError: Expected pixels to be uint8 .*float64"),
        ("nothing", "ValueError: Expected pixels .*at least one pixel"),
        ("fewer", "ValueError: the restorer made 0 images out of 1"),
    ],
)
def test_a_restorer_that_makes_no_images_is_named(run, makes, reason):
    ours = run(make_dataset(), make_dataset(12), makes=makes)
    for split in ("0", "1"):
        with pytest.raises(ModelError, match=f"shift fails on every image of a batch: {reason}"):
            ours.of(split)
    assert ours.report.loads["restore"] == {"shift": 1}


def test_weights_that_do_not_load_are_loaded_once(run):
    ours = run(make_dataset(), make_dataset(12), fails=True)
    for split in ("0", "1"):
        with pytest.raises(ModelError, match=r"shift\.pth do not fit"):
            ours.of(split)
    assert Shift.loads == {1: 1}


def test_damaged_pixels_stop_the_reader_and_are_made_again_once_deleted(run, tmp_path):
    restored = unread(run, make_dataset(2))
    (shard,) = (tmp_path / "store" / "pixels").rglob("*.parquet")
    packed = pack(make_dataset().pixels(0) + 1)
    shard.write_bytes(shard.read_bytes().replace(packed, packed[::-1]))
    with pytest.raises(StoreError, match="are damaged. Delete the file and run again"):
        restored.pixels(0)
    shard.unlink()
    np.testing.assert_array_equal(run(make_dataset(2)).of().pixels(0), [[1, 1], [8, 8]])
    assert Shift.shown == {1: 4}


def test_a_truncated_shard_is_made_again(run, tmp_path):
    run(make_dataset(), batch_size=20)
    (shard,) = (tmp_path / "store" / "pixels").rglob("*.parquet")
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.warns(HarnessWarning, match="is damaged; its images are restored again"):
        assert None not in run(make_dataset()).of().digests
    assert Shift.shown == {1: 20}


def test_shards_merged_by_another_process_are_found_again(run, tmp_path):
    reading = unread(run, make_dataset(4))
    run(make_dataset(8))  # writes and merges
    assert len(list((tmp_path / "store" / "pixels").rglob("*.parquet"))) == 1
    np.testing.assert_array_equal(reading.pixels(3), make_dataset().pixels(3) + 1)


def test_pixels_deleted_under_a_reader_are_one_line(run, tmp_path):
    reading = unread(run, make_dataset(4))
    for shard in (tmp_path / "store" / "pixels").rglob("*.parquet"):
        shard.unlink()
    with pytest.raises(StoreError, match="000 has not been restored by shift, or is gone .* Run again"):
        reading.pixels(0)


def test_pixels_that_nobody_restored_are_an_error_of_the_run(run):
    bench = run().evidence.bench
    bench.dataset = lambda name, split: make_dataset()
    with pytest.raises(StoreError, match="10 pictures of tiny:test have not been restored by shift, or"):
        bench.images(Source("tiny", "0", restoration="shift"))


def test_a_read_only_store_serves_what_it_has_and_says_why_no_more(run, small_disk):
    run(make_dataset(4), store=small_disk)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    served = run(make_dataset(4), store=small_disk).of()
    np.testing.assert_array_equal(served.pixels(3), make_dataset().pixels(3) + 1)
    with pytest.raises(StoreError, match="cannot be written.*Read-only.*--store"):
        run(make_dataset(5), store=small_disk).of()
    assert Shift.shown == {1: 4}


def test_a_full_disk_stops_with_one_line_and_keeps_what_was_restored(run, small_disk):
    noise = np.random.default_rng(0).integers(0, 256, (80, 90, 90), dtype=np.uint8)
    samples = tuple(Sample(f"{i:03d}", "sad") for i in range(80))
    dataset = Dataset("tiny", "test", Choice(SPACE), samples, lambda name: noise[int(name)].copy())
    ours = run(dataset, store=small_disk)
    with pytest.raises(StoreError, match="cannot be written.*--store") as caught:
        ours.of()
    assert "\n" not in str(caught.value)
    bench = ours.evidence.bench
    kept = bench.pixels.read(bench.restorer_asked("shift").identity)
    assert 4 <= len(kept) < 80
    for row in kept.itertuples():
        assert len(bench.pixels.pixels(row.shard, row.row, row.restored_digest)) == 90
