"""Images are restored once, whoever asks; faults stay with their image and are tried again."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tiny_restorers import Shift

from harness.datasets import Dataset, Sample
from harness.errors import DataError, HarnessWarning, ModelError, StoreError, Unavailable
from harness.labels import LabelSpace
from harness.models import Context
from harness.predictions.pixel_store import PixelStore, pack
from harness.predictions.restoring import Restorations
from harness.restoration import build_restorer
from harness.tasks import Choice

LABELS = ("angry", "happy", "sad")
SPACE = LabelSpace.of("tiny", LABELS)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    for name in ("loads", "shown"):
        monkeypatch.setattr(Shift, name, type(Shift.loads)())


@pytest.fixture
def start(tmp_path):
    """Restorations of one adapter; each call is a new process as far as they can tell."""

    def start(store: Path = tmp_path / "pixels", *, batch_size: int = 4, run: str = "", **options):
        entries = {"shift": {"adapter": "tiny_restorers:Shift", **options}}
        context = Context(tmp_path, tmp_path)
        build = partial(build_restorer, entries=entries, context=context)
        return Restorations(build, PixelStore(store), "cpu", batch_size, run)

    return start


def make_dataset(
    n: int = 10, *, copies: int = 0, unreadable: tuple[int, ...] = (), first: int = 0
) -> Dataset:
    """n images that say their label and number; the last `copies` are copies of the first ones."""

    def read(name: str) -> np.ndarray:
        number = int(name)
        if number in unreadable:
            raise DataError(f"{name}.png is truncated. Replace the file.")
        original = number - (n - copies) if number >= n - copies else number
        return np.array([[original % 3, original], [7, 7]], np.uint8)

    samples = tuple(Sample(f"{i:03d}", LABELS[i % 3]) for i in range(n))
    return Dataset("tiny", "test", Choice(SPACE), samples, read, relabelled=lambda: {"others": {"sad": 1.0}})


def test_none_is_the_dataset_itself(start):
    dataset = make_dataset()
    ours = start()
    assert ours.of("none", dataset) is dataset
    assert ours.key("none") == ("none", "")
    assert ours.costs == []


def test_every_image_is_restored_and_nothing_else_changes(start):
    dataset = make_dataset()
    ours = start()
    restored = ours.of("shift", dataset)
    assert [s.id for s in restored.samples] == [s.id for s in dataset.samples]
    assert np.array_equal(restored.gold, dataset.gold)
    assert (str(restored), restored.marginals) == (str(dataset), dataset.marginals)
    for index in range(len(dataset)):
        np.testing.assert_array_equal(restored.pixels(index), dataset.pixels(index) + 1)
    assert restored.fingerprint != dataset.fingerprint
    assert ours.of("shift", dataset) is restored


def test_digests_are_those_of_the_restored_pixels(start):
    restored = start().of("shift", make_dataset())
    known = restored.digests
    again = replace(restored, read=restored.read, _decoded=type(restored._decoded)())
    assert known == again.digests  # decoded


def test_a_second_process_loads_nothing_and_reads_no_pixels(start, monkeypatch):
    first = start()
    digests = first.of("shift", make_dataset()).digests
    monkeypatch.setattr(PixelStore, "pixels", None)
    second = start()
    restored = second.of("shift", make_dataset())
    assert restored.digests == digests
    assert restored.fingerprint
    assert (first.loads, second.loads, Shift.loads) == ({"shift": 1}, {}, {1: 1})
    assert second.costs == first.costs
    assert second.costs[0]["images"] == 10


def test_copies_are_restored_once_and_stay_one_group(start):
    dataset = make_dataset(12, copies=3)
    restored = start().of("shift", dataset)
    assert Shift.shown == {1: 9}
    assert restored.groups == dataset.groups
    assert restored.groups[0] == restored.groups[9]


def test_groups_of_the_source_stay(start):
    dataset = make_dataset()
    named = replace(dataset, samples=tuple(replace(s, group=f"g{int(s.id) % 2}") for s in dataset.samples))
    assert start().of("shift", named).groups == named.groups


def test_a_new_image_is_the_only_one_restored(start):
    start().of("shift", make_dataset(6))
    start().of("shift", make_dataset(8))
    assert Shift.shown == {1: 8}


def test_options_make_another_restorer(start):
    one, two = (start(by=by).of("shift", make_dataset()) for by in (1, 2))
    assert set(one.digests).isdisjoint(two.digests)
    assert Shift.loads == {1: 1, 2: 1}


def test_the_plan_is_restored_in_the_same_go_and_shared_images_once(start):
    ours = start()
    small, large = make_dataset(6), make_dataset(9)
    done = []
    ours.of(
        "shift", small, plan=lambda: [large, small], progress=lambda made, total: done.append((made, total))
    )
    ours.of("shift", large, plan=lambda: pytest.fail("nothing is missing"))
    assert (Shift.loads, Shift.shown) == ({1: 1}, {1: 9})
    assert done == [(4, 9), (2, 9), (3, 9)]
    assert [cost["images"] for cost in ours.costs] == [9]


def test_costs_are_those_of_the_restored_images(start):
    ours = start()
    ours.of("shift", make_dataset())
    (cost,) = ours.costs
    assert (cost["restoration"], cost["images"]) == ("shift", 10)
    assert 0 < cost["seconds_per_image"] < 1
    assert 10 < cost["peak_memory_mb"] < 1e5
    ours.of("shift", make_dataset(10, unreadable=tuple(range(1, 10))))
    assert ours.costs == [cost]


def test_memory_errors_halve_the_batch(start):
    restored = start(memory=3, batch_size=10).of("shift", make_dataset())
    assert None not in restored.digests
    assert Shift.shown == {1: 10}


def test_no_memory_for_a_single_image_is_one_line(start):
    ours = start(memory=0)
    with pytest.raises(ModelError, match="shift has no memory for even one image on cpu"):
        ours.of("shift", make_dataset())


class TestFaults:
    def test_an_image_that_cannot_be_restored_is_a_failure_with_its_reason(self, start):
        restored = start(broken=[3, 4]).of("shift", make_dataset())
        assert [i for i, digest in enumerate(restored.digests) if digest is None] == [3, 4]
        with pytest.raises(DataError, match=r"003 was not restored by shift: .* not numbers\. Run again"):
            restored.pixels(3)
        np.testing.assert_array_equal(restored.pixels(5), make_dataset().pixels(5) + 1)

    def test_failures_are_tried_again_by_the_next_run_only(self, start):
        broken = start(broken=[3], run="one")
        broken.of("shift", make_dataset())
        broken.of("shift", make_dataset(11))
        assert broken.loads == {"shift": 2}  # for the eleventh image alone
        shown = Shift.shown[1]
        worker = start(broken=[3], run="one")
        assert worker.of("shift", make_dataset()).digests[3] is None
        assert (worker.loads, Shift.shown[1]) == ({}, shown)
        mended = start(run="two")
        assert None not in mended.of("shift", make_dataset()).digests
        assert Shift.shown[1] == shown + 1

    def test_an_unreadable_source_keeps_its_own_reason(self, start):
        restored = start().of("shift", make_dataset(unreadable=(2,)))
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
    def test_a_restorer_that_makes_no_images_is_named(self, start, makes, reason):
        ours = start(makes=makes)
        with pytest.raises(ModelError, match=f"shift fails on every image of a batch: {reason}"):
            ours.of("shift", make_dataset())
        with pytest.raises(ModelError, match="fails on every image"):
            ours.of("shift", make_dataset())
        assert ours.loads == {"shift": 1}

    def test_weights_that_do_not_load_are_loaded_once(self, start):
        ours = start(fails=True)
        for _ in range(2):
            with pytest.raises(ModelError, match=r"shift\.pth do not fit"):
                ours.of("shift", make_dataset())
        assert Shift.loads == {1: 1}

    def test_a_restorer_that_is_absent_says_so(self, start):
        with pytest.raises(Unavailable, match="Restoration gfpgan has no entry"):
            start().of("gfpgan", make_dataset())

    def test_damaged_pixels_stop_the_reader_and_are_made_again_once_deleted(self, start, tmp_path):
        restored = start(batch_size=2).of("shift", make_dataset(2))
        (shard,) = (tmp_path / "pixels").rglob("*.parquet")
        packed = pack(make_dataset().pixels(0) + 1)
        shard.write_bytes(shard.read_bytes().replace(packed, packed[::-1]))
        with pytest.raises(StoreError, match="are damaged. Delete the file and run again"):
            restored.pixels(0)
        shard.unlink()
        np.testing.assert_array_equal(start().of("shift", make_dataset(2)).pixels(0), [[1, 1], [8, 8]])
        assert Shift.shown == {1: 4}

    def test_a_truncated_shard_is_made_again(self, start, tmp_path):
        start(batch_size=20).of("shift", make_dataset())
        (shard,) = (tmp_path / "pixels").rglob("*.parquet")
        shard.write_bytes(shard.read_bytes()[:-9])
        with pytest.warns(HarnessWarning, match="is damaged; its images are restored again"):
            assert None not in start().of("shift", make_dataset()).digests
        assert Shift.shown == {1: 20}

    def test_shards_merged_by_another_process_are_found_again(self, start, tmp_path):
        reading = start(batch_size=4).of("shift", make_dataset(4))
        start(batch_size=4).of("shift", make_dataset(8))  # writes and merges
        assert len(list((tmp_path / "pixels").rglob("*.parquet"))) == 1
        np.testing.assert_array_equal(reading.pixels(3), make_dataset().pixels(3) + 1)

    def test_pixels_deleted_under_a_reader_are_one_line(self, start, tmp_path):
        reading = start().of("shift", make_dataset(4))
        for shard in (tmp_path / "pixels").rglob("*.parquet"):
            shard.unlink()
        with pytest.raises(StoreError, match="000 has not been restored by shift, or is gone .* Run again"):
            reading.pixels(0)


@pytest.fixture
def small_disk(tmp_path):
    """A 256 KB file system; skips where mounting one is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_store_serves_what_it_has_and_says_why_no_more(start, small_disk):
    start(small_disk / "pixels").of("shift", make_dataset(4))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    served = start(small_disk / "pixels").of("shift", make_dataset(4))
    np.testing.assert_array_equal(served.pixels(3), make_dataset().pixels(3) + 1)
    with pytest.raises(StoreError, match="cannot be written.*Read-only.*--store"):
        start(small_disk / "pixels").of("shift", make_dataset(5))
    assert Shift.shown == {1: 4}


def test_a_full_disk_stops_with_one_line_and_keeps_what_was_restored(start, small_disk):
    noise = np.random.default_rng(0).integers(0, 256, (80, 90, 90), dtype=np.uint8)
    samples = tuple(Sample(f"{i:03d}", "sad") for i in range(80))
    dataset = Dataset("tiny", "test", Choice(SPACE), samples, lambda name: noise[int(name)].copy())
    with pytest.raises(StoreError, match="cannot be written.*--store") as caught:
        start(small_disk / "pixels").of("shift", dataset)
    assert "\n" not in str(caught.value)
    ours = start(small_disk / "pixels")
    identity = ours.restorer("shift").identity("cpu")
    kept = ours.store.read(identity)
    assert 4 <= len(kept) < 80
    for row in kept.itertuples():
        assert len(ours.store.pixels(row.shard, row.row, row.restored_digest)) == 90
