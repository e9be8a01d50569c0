"""What pictures decode to is remembered while their files stay the same, and never longer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_sets import encoded, face, write_folder, write_zip

from harness.datasets import Dataset, load_dataset, remembered, tree
from harness.tools import digests

FILES = {f"train/happy/{i}.png": encoded(face(i)) for i in range(5)}


@pytest.fixture
def decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files decoded since it was last cleared; everything is dear, and has stood still."""
    names: list[str] = []
    real = tree.decode_image

    def noted(data: bytes, name: str) -> tree.Pixels:
        names.append(name.rpartition("/")[2])
        return real(data, name)

    monkeypatch.setattr(tree, "decode_image", noted)
    monkeypatch.setattr(remembered, "DEAR", 1)
    monkeypatch.setattr(digests, "TICK_NS", 0)
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path / "store"))
    return names


def load(root: Path) -> Dataset:
    return load_dataset({"adapter": "images", "space": "fer2013", "max_missing": 1}, "mine", "train", root)


def folder(root: Path) -> Path:
    return write_folder(root / "mine", FILES)


def zipped(root: Path) -> Path:
    return write_zip(root / "mine.zip", FILES)


@pytest.mark.parametrize("write", [folder, zipped])
def test_the_next_run_decodes_nothing(
    tmp_path: Path, decoded: list[str], write: Callable[[Path], Path]
) -> None:
    write(tmp_path)
    first = load(tmp_path)
    assert None not in first.digests
    assert len(decoded) == 5
    decoded.clear()
    again = load(tmp_path).readable()
    assert (again.digests, again.fingerprint, again.shape(3)) == (first.digests, first.fingerprint, (48, 48))
    assert decoded == []
    assert again.pixels(2).tolist() == face(2).tolist()


def test_a_file_that_has_changed_is_decoded_again(tmp_path: Path, decoded: list[str]) -> None:
    place = folder(tmp_path) / "train/happy/3.png"
    before = load(tmp_path).digests
    decoded.clear()
    other = encoded(face(9))
    times = place.stat().st_atime_ns, place.stat().st_mtime_ns
    place.write_bytes(other)
    os.utime(place, ns=times)  # as `rsync --times` or `unzip` do
    after = load(tmp_path).digests
    assert decoded == ["3.png"]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, True, True, False, True]
    decoded.clear()
    assert load(tmp_path).digests == after
    assert decoded == []


def test_a_zip_with_another_picture_decodes_that_one(tmp_path: Path, decoded: list[str]) -> None:
    zipped(tmp_path)
    before = load(tmp_path).digests
    decoded.clear()
    write_zip(tmp_path / "mine.zip", {**FILES, "train/happy/3.png": encoded(face(9))})
    os.utime(tmp_path / "mine.zip", ns=(1, 1))  # the listing of a zip is kept by its time and size
    after = load(tmp_path).digests
    assert decoded == ["3.png"]
    assert after[3] != before[3]


def test_files_that_may_still_be_written_are_not_remembered(
    tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path)
    monkeypatch.setattr(digests, "TICK_NS", 3600 * 10**9)
    assert load(tmp_path).digests == load(tmp_path).digests
    assert len(decoded) == 10


def test_what_cannot_be_read_is_tried_again_each_time(tmp_path: Path, decoded: list[str]) -> None:
    write_folder(tmp_path / "mine", {**FILES, "train/happy/5.png": FILES["train/happy/1.png"][:60]})
    problems = load(tmp_path).readable().problems
    decoded.clear()
    again = load(tmp_path).readable()
    assert (again.problems, len(again)) == (problems, 5)
    assert decoded == ["5.png"]


@pytest.mark.parametrize("damage", [b"", b"{}", b"\0" * 100])
def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path, decoded: list[str], damage: bytes) -> None:
    folder(tmp_path)
    first = load(tmp_path).digests
    (memory,) = (tmp_path / "store/digests").iterdir()
    memory.write_bytes(damage)
    decoded.clear()
    assert load(tmp_path).digests == first
    assert len(decoded) == 5


def test_another_rule_of_decoding_starts_anew(
    tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path)
    assert None not in load(tmp_path).digests
    monkeypatch.setattr(remembered, "VERSION", remembered.VERSION + 1)
    assert None not in load(tmp_path).digests
    assert len(decoded) == 10


def test_splits_of_one_folder_are_remembered_together(tmp_path: Path, decoded: list[str]) -> None:
    write_folder(tmp_path / "mine", {**FILES, "test/sad/1.png": encoded(face(8))})
    entry = {"adapter": "images", "space": "fer2013"}
    for _ in range(2):
        for split in ("train", "test"):
            assert None not in load_dataset(entry, "mine", split, tmp_path).digests
    assert len(decoded) == 6


def test_a_handful_of_pictures_is_not_worth_a_file(
    tmp_path: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "DEAR", 6)
    folder(tmp_path)
    assert None not in load(tmp_path).digests
    assert not (tmp_path / "store").exists()
