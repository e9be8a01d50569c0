from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_sets import encoded, face, write_folder, write_zip

from harness.datasets import Dataset, load_dataset
from harness.errors import DataError, Unavailable, UsageError

RAFDB = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


def load(root: Path, entry: dict[str, Any], split: str = "test", name: str = "mine") -> Dataset:
    return load_dataset({"adapter": "images", **entry}, name, split, root)


@pytest.fixture
def rafdb(tmp_path: Path) -> Path:
    lines, files = [], {}
    for number in range(1, 15):
        split = "train" if number < 8 else "test"
        lines.append(f"{split}_{number:05d}.jpg {(number - 1) % 7 + 1}")
        files[f"aligned/{split}_{number:05d}_aligned.jpg"] = encoded(face(number, (100, 100, 3)), "jpeg")
    files["list_patition_label.txt"] = "\n".join(lines).encode()
    return write_folder(tmp_path / "RAF-DB", files).parent


RAFDB_ENTRY = {
    "path": "RAF-DB",
    "space": "rafdb",
    "csv": "list_patition_label.txt",
    "columns": ["path", "label"],
    "file": "aligned/<stem>_aligned.jpg",
    "layout": "aligned/<split>_*",
    "labels": {str(number): label for number, label in enumerate(RAFDB, start=1)},
}


def test_rafdb(rafdb: Path) -> None:
    data = load(rafdb, RAFDB_ENTRY)
    assert data.gold.tolist() == list(range(7))
    assert data.samples[0].id == "aligned/test_00008_aligned.jpg"
    assert data.pixels(0).shape == (100, 100, 3)
    assert data.problems == ()
    assert {s.id for s in load(rafdb, RAFDB_ENTRY, "train").samples}.isdisjoint(s.id for s in data.samples)


def test_ckplus_has_no_splits_and_subjects_in_file_names(tmp_path: Path) -> None:
    names = ["happy/S010_004_17.png", "happy/S010_004_18.png", "contempt/S138_008_07.png", "fear/x.png"]
    files = {f"CK+48/{name}": encoded(face(i)) for i, name in enumerate(names)}
    write_folder(tmp_path, files)
    entry = {"path": "CK+48", "space": "ckplus", "layout": "<label>/*", "group": r"^(S\d+)_"}
    data = load(tmp_path, entry, "all")
    assert data.groups[:1] + data.groups[2:] == ["S138", "S010", "S010"]
    assert data.groups[1] == data.digest(1)
    assert len(data.problems) == 1
    assert data.problems[0].startswith("fear/x.png: no group")
    assert load(tmp_path, entry | {"splits": {"test": "all"}}).samples == data.samples
    with pytest.raises(UsageError, match=r"mine:test.*all \(it has no splits\)"):
        load(tmp_path, entry)


def test_caer_s_folders_and_zip_agree(tmp_path: Path) -> None:
    files = {
        f"{split}/{label}/{i:04d}.png": encoded(face(i, (30, 40, 3)))
        for split in ("train", "test")
        for i, label in enumerate(("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"))
    }
    folder = load(write_folder(tmp_path / "a" / "CAER-S", files).parent, {"path": "CAER-S", "space": "caer"})
    packed = load(write_zip(tmp_path / "b" / "CAER-S.zip", files).parent, {"path": "CAER-S", "space": "caer"})
    assert folder.samples == packed.samples
    assert folder.fingerprint == packed.fingerprint
    assert Counter(sample.label for sample in folder.samples)["Neutral"] == 1
    assert folder.samples[0].id == "test/Anger/0000.png"


def test_artphoto_has_labels_in_file_names(tmp_path: Path) -> None:
    names = ["amusement_0001.jpg", "awe_0002.jpg", "contentment_3_b.jpg"]
    write_folder(tmp_path / "testImages_artphoto", {name: encoded(face(1), "jpeg") for name in names})
    data = load(tmp_path, {"path": "testImages_artphoto", "space": "mikels8", "layout": "<label>_*"}, "all")
    assert [sample.label for sample in data.samples] == ["amusement", "awe", "contentment"]


def test_a_csv_with_groups_and_splits(tmp_path: Path) -> None:
    rows = ("a b.png,Happy,val,s1", r".\sub\c.png,joy,val,", "./d.png,SAD,dev,s2", "e.png,fear,train,s1")
    table = "\n".join(("Path,Label,Split,Group", *rows))
    files = {name: encoded(face(i)) for i, name in enumerate(("a b.png", "sub/c.png", "d.png", "e.png"))}
    write_folder(tmp_path / "mine", files | {"list.csv": b"\xef\xbb\xbf" + table.encode()})
    entry = {"space": "fer2013", "csv": "list.csv", "splits": {"test": ["val", "dev"]}}
    data = load(tmp_path, entry)
    assert [(s.id, s.label, s.group) for s in data.samples] == [
        ("a b.png", "happy", "s1"),
        ("d.png", "sad", "s2"),
        ("sub/c.png", "happy", None),
    ]
    np.testing.assert_array_equal(data.pixels(2), face(1))
    assert len(load(tmp_path, entry, "train")) == 1


def test_labels_of_a_users_own(tmp_path: Path) -> None:
    files = {f"test/{label}/1.png": encoded(face(i)) for i, label in enumerate(("Bored", "joy", "odd"))}
    write_folder(tmp_path / "mine", files)
    data = load(tmp_path, {"space": ["happy", "bored"], "labels": {"odd": "bored"}})
    assert data.gold.tolist() == [1, 0, 1]
    assert data.space.name == "mine"


def test_unknown_labels_cost_one_line_each_and_nothing_else(tmp_path: Path) -> None:
    labels = ["happy", "bored", "bored", "unhappy", "sad"]
    files = {f"test/{label}/{i}.png": encoded(face(i)) for i, label in enumerate(labels)}
    extra = {"test/stray.png": b"", "notes.txt": b"", "test/happy/notes.md": b"", "test/happy/._1.png": b""}
    write_folder(tmp_path / "mine", files | extra)
    data = load(tmp_path, {"space": "fer2013"})
    assert [sample.label for sample in data.samples] == ["happy", "sad"]
    assert data.problems == (
        "test/stray.png: not where the layout <split>/<label>/* says, left out",
        "test/bored/1.png, test/bored/2.png: unknown label 'bored', left out",
        "test/unhappy/3.png: unknown label 'unhappy', left out",
    )


def test_bad_rows_of_a_list_cost_one_line_each(tmp_path: Path) -> None:
    rows = "path,label\na.png,sad\nb.png,sad\n../../etc/passwd,sad\n/etc/passwd,sad\na.png,happy\nc.png\n"
    files = {"a.png": encoded(face(1)), "c.png": b"broken", "list.csv": rows.encode()}
    write_folder(tmp_path / "mine", files)
    entry = {"space": "fer2013", "csv": "list.csv", "max_missing": 0.8}
    data = load(tmp_path, entry, "all")
    assert data.missing == 3 / 4
    assert [(sample.id, sample.label) for sample in data.samples] == [("a.png", "sad")]
    missing, twice, unknown = data.problems
    assert missing.startswith(
        "list.csv, line 3 (b.png), list.csv, line 4 (../../etc/passwd), list.csv, line 5"
    )
    assert twice == "list.csv, line 6 (a.png): lists a file a second time, left out"
    assert unknown == "c.png: unknown label '', left out"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({}, "lacks the option 'space'"),
        ({"space": "plutchik"}, r"'plutchik'.*fer2013"),
        ({"space": ["sad", "sad"]}, "'sad' more than once"),
        ({"space": "fer2013", "size": 3}, r"unknown option 'size'.*layout, csv"),
        ({"space": "fer2013", "layout": "<split>/*"}, "no <label>"),
        ({"space": "fer2013", "layout": "<label>/<subject>/*"}, "wrong <subject>"),
        ({"space": "fer2013", "layout": "<label>/<label>_*"}, "wrong <label>"),
        ({"space": "fer2013", "group": "(S"}, "no pattern"),
        ({"space": "fer2013", "group": r"S\d+"}, "0 groups"),
        ({"space": "fer2013", "csv": "list.csv"}, r"holds no list 'list\.csv'"),
        ({"space": "fer2013", "csv": "notes.txt"}, r"columns a, b.*path and label"),
    ],
)
def test_wrong_entries_say_what_is_right(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    write_folder(tmp_path / "mine", {"test/sad/1.png": encoded(face(1)), "notes.txt": b"a,b\n1,2\n"})
    with pytest.raises(UsageError, match=message) as caught:
        load(tmp_path, entry)
    assert "\n" not in str(caught.value)


def test_unknown_split_lists_the_splits(tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", {f"{split}/sad/1.png": encoded(face(1)) for split in ("dev", "train")})
    with pytest.raises(UsageError, match=r"mine:test.*dev, train"):
        load(tmp_path, {"space": "fer2013"})


def test_absent_data_is_one_line_with_place_and_remedy(tmp_path: Path) -> None:
    entry = {
        "space": "rafdb",
        "path": "RAF-DB",
        "obtain": "Ask for it at http://www.whdeng.cn/raf/model1.html.",
    }
    with pytest.raises(Unavailable) as caught:
        load(tmp_path, entry)
    message = str(caught.value)
    for part in (str(tmp_path / "RAF-DB"), "RAF-DB.zip", "Ask for it at http://www.whdeng.cn", "--data-root"):
        assert part in message


def test_a_folder_of_nothing_known_is_an_error(tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", {"stray.png": b"", "x/y.txt": b""})
    with pytest.raises(DataError, match=r"mine has no image where its layout says: stray\.png"):
        load(tmp_path, {"space": "fer2013"})
