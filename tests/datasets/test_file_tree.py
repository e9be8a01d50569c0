import multiprocessing
import os
import pickle
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tiny_sets import encoded, face, write_folder, write_zip

from harness.datasets import Dataset, load_dataset, pixel_digest
from harness.datasets.tree import open_tree
from harness.errors import DataError

FILES = {f"train/happy/{i}.png": encoded(face(i)) for i in range(40)}


def load(root: Path, **options: object) -> Dataset:
    return load_dataset({"adapter": "images", "space": "fer2013", **options}, "mine", "train", root)


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = 0o120777 << 16
    return info


def test_members_with_path_tricks_are_left_out_by_name(tmp_path: Path) -> None:
    tricks = {
        "../../train/happy/up.png": "leads out of the zip",
        "train/../../happy/up.png": "leads out of the zip",
        "/train/happy/root.png": "absolute path",
        "C:/train/happy/drive.png": "absolute path",
        "..\\..\\happy\\back.png": "leads out of the zip",
        "C:\\happy\\back.png": "absolute path",
        "train/happy/link.png": "symbolic link",
    }
    members: list[tuple[str | zipfile.ZipInfo, bytes]] = list(FILES.items())
    members += [(link(name) if "link" in name else name, b"/etc/passwd") for name in tricks]
    write_zip(tmp_path / "mine.zip", members)
    data = load(tmp_path)
    assert [sample.id for sample in data.samples] == sorted(FILES)
    assert len(data.problems) == len(set(tricks.values()))
    for name, reason in tricks.items():
        shown = name.replace("\\", "/")
        line = next(line for line in data.problems if f"mine.zip/{shown}" in line)
        assert reason in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.zip"]


def test_a_zip_whose_members_are_all_left_out_says_why(tmp_path: Path) -> None:
    write_zip(tmp_path / "mine.zip", [("/train/happy/1.png", b""), ("/train/happy/2.png", b"")])
    with pytest.raises(DataError, match=r"where its layout says: .*/train/happy/1\.png.*absolute path"):
        load(tmp_path)


def test_names_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", FILES | {"train/\x1b[31mred\n/1.png": b""})
    (line,) = load(tmp_path).problems
    assert line.isprintable()
    assert "\\x1b[31mred\\n" in line


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_a_problem(tmp_path: Path) -> None:
    write_zip(tmp_path / "mine.zip", [*FILES.items(), ("train/happy/1.png", encoded(face(99)))])
    data = load(tmp_path)
    assert len(data) == len(FILES)
    assert "another file of that name" in data.problems[0]


@pytest.mark.parametrize("keep", [0, 100, -30])
def test_a_zip_that_broke_off_is_named(tmp_path: Path, keep: int) -> None:
    path = write_zip(tmp_path / "mine.zip", FILES)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"mine\.zip is not a complete zip.*Download"):
        load(tmp_path)


def test_one_bad_member_costs_one_image(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "mine.zip", FILES)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("train/happy/7.png").header_offset + 80
    content = bytearray(path.read_bytes())
    content[start : start + 50] = b"\0" * 50
    path.write_bytes(content)
    data = load(tmp_path)
    bad = [sample.id for sample, digest in zip(data.samples, data.digests, strict=True) if digest is None]
    assert bad == ["train/happy/7.png"]
    index = [sample.id for sample in data.samples].index(bad[0])
    with pytest.raises(DataError, match=r"mine\.zip/train/happy/7\.png cannot be read from the zip"):
        data.pixels(index)


def test_an_encrypted_member_is_named(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "mine.zip", {"train/happy/1.png": b"secret"})
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"1\.png cannot be read from the zip.*(encrypted|password)"):
        load(tmp_path).pixels(0)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.datasets.files.MAX_FILE_BYTES", 10_000)
    path = write_zip(tmp_path / "mine.zip", {"train/happy/1.png": b"\0" * 10_001})
    for said in (10_001, 9_000):  # a header may say less than there is
        content = path.read_bytes()
        path.write_bytes(content.replace(struct.pack("<I", 10_001), struct.pack("<I", said)))
        with pytest.raises(DataError, match=r"1\.png (holds more than the 10,000 bytes|cannot be read)"):
            load(tmp_path).pixels(0)


def test_a_file_that_vanishes_is_named(tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", FILES)
    data = load(tmp_path)
    (tmp_path / "mine" / data.samples[0].id).unlink()
    with pytest.raises(DataError, match=r"train/happy/0\.png cannot be read"):
        data.pixels(0)
    assert data.pixels(1).shape == (48, 48)


def test_linked_folders_are_read_once(tmp_path: Path) -> None:
    write_folder(tmp_path / "disk", FILES)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train").symlink_to(tmp_path / "disk" / "train")
    (tmp_path / "disk" / "train" / "loop").symlink_to(tmp_path / "disk" / "train")
    assert open_tree(tmp_path / "mine").names == tuple(sorted(FILES))


def test_a_zip_is_opened_once_for_all_splits_and_again_when_it_changes(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "mine.zip", FILES)
    assert open_tree(path) is open_tree(path)
    write_zip(path, {"train/happy/new.png": FILES["train/happy/1.png"]})
    assert open_tree(path).names == ("train/happy/new.png",)


def read_often(data: Dataset, start: Any, answers: Any) -> None:
    start.wait()
    answers.put([pixel_digest(data.read(sample.id)) for _ in range(5) for sample in data.samples])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_forked_workers_do_not_share_a_file_position(tmp_path: Path) -> None:
    write_zip(tmp_path / "mine.zip", FILES)
    data = load(tmp_path)
    expected = [pixel_digest(data.read(sample.id)) for sample in data.samples] * 5
    context = multiprocessing.get_context("fork")
    start, answers = context.Event(), context.Queue()
    workers = [context.Process(target=read_often, args=(data, start, answers)) for _ in range(4)]
    for worker in workers:
        worker.start()
    start.set()
    results = [answers.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert results == [expected] * 4


def test_threads_share_a_data_set(tmp_path: Path) -> None:
    write_zip(tmp_path / "mine.zip", FILES)
    expected = load(tmp_path).digests
    fresh = load(tmp_path)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(fresh.digest, range(len(fresh)))) == expected


def test_a_data_set_can_be_sent_to_another_process(tmp_path: Path) -> None:
    write_zip(tmp_path / "mine.zip", FILES)
    data = load(tmp_path)
    data.pixels(0)
    assert pickle.loads(pickle.dumps(data)).fingerprint == data.fingerprint
