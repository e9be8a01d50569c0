import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_sets import LABELS, encoded, face, write_folder, write_zip

from harness.datasets import Dataset, exact_overlap, load_dataset
from harness.errors import DataError, Unavailable, UsageError
from harness.labels import label_space

CsvWriter = Callable[..., Path]
COUNTS = {  # angry, disgust, fear, happy, sad, surprise, neutral
    "train": (3995, 436, 4097, 7215, 4830, 3171, 4965),
    "public": (467, 56, 496, 895, 653, 415, 607),
    "private": (491, 55, 528, 879, 594, 416, 626),
}


def load(root: Path, split: str = "train", **options: str) -> Dataset:
    return load_dataset(options, "fer2013", split, root)


def same(one: Dataset, two: Dataset) -> None:
    assert one.samples == two.samples
    assert one.fingerprint == two.fingerprint
    for index in range(len(one)):
        np.testing.assert_array_equal(one.pixels(index), two.pixels(index))


# The real data


@pytest.mark.parametrize("split", COUNTS)
def test_real_class_counts(data_root: Path, split: str) -> None:
    data = load(data_root, split, form="zip")
    assert tuple(np.bincount(data.gold, minlength=7)) == COUNTS[split]
    assert data.problems == ()
    assert data.pixels(0).shape == (48, 48)


def test_real_full_test_is_public_and_private(data_root: Path) -> None:
    parts = [load(data_root, split, form="zip") for split in ("public", "private")]
    whole = load(data_root, "test", form="zip")
    assert sorted(sample.id for part in parts for sample in part.samples) == [s.id for s in whole.samples]


def test_real_training_stems_that_two_classes_share(data_root: Path) -> None:
    ids = [sample.id for sample in load(data_root, "train", form="zip").samples]
    assert sorted(sample_id for sample_id in ids if "/" in sample_id) == [
        "angry/Training_8475486",
        "neutral/Training_52789098",
        "surprise/Training_52789098",
        "surprise/Training_8475486",
    ]


def test_real_leakage_from_training_into_the_test_set(data_root: Path) -> None:
    train, test = load(data_root, "train", form="zip"), load(data_root, "test", form="zip")
    assert exact_overlap(test, train).sum() == 568
    copies = [digest for data in (train, test) for digest in data.digests]
    assert len(copies) - len(set(copies)) == 1853


def test_real_pixels_survive_the_way_through_both_tables(
    data_root: Path, tmp_path: Path, write_csv: CsvWriter
) -> None:
    data = load(data_root, "private", form="zip").limit(210, seed=3)
    rows = [(code, data.pixels(i), "PrivateTest") for i, code in enumerate(data.gold)]
    write_csv(tmp_path / "fer2013.csv", rows)
    write_csv(tmp_path / "icml_face_data.csv", rows)
    table, icml = load(tmp_path, "private", form="csv"), load(tmp_path, "private", form="icml")
    same(table, icml)
    assert table.digests == data.digests
    assert table.gold.tolist() == data.gold.tolist()


# Forms


@pytest.mark.parametrize("split", ["train", "public", "private", "test"])
def test_zip_and_folder_are_one_data_set(fer_root: Path, fer_files: dict[str, bytes], split: str) -> None:
    write_folder(fer_root / "fer2013", fer_files)
    packed, folder = load(fer_root, split, form="zip"), load(fer_root, split, form="folder")
    same(packed, folder)
    sizes = {"train": 30, "public": 14, "private": 21, "test": 35}
    assert len(packed) == sizes[split]
    assert packed.space == label_space("fer2013")


def test_labels_are_those_of_the_folders_in_the_order_of_the_csv(fer_root: Path) -> None:
    data = load(fer_root, "public")
    for sample, code in zip(data.samples, data.gold, strict=True):
        folder = LABELS[int(sample.id.split("_")[1]) // 1000]
        assert sample.label == folder == label_space("fer2013").labels[code]


def test_zip_inside_a_top_folder_is_the_same_data(fer_root: Path, fer_files: dict[str, bytes]) -> None:
    files = {f"archive/{name}": data for name, data in reversed(fer_files.items())}
    files |= {
        "__MACOSX/archive/train/angry/._Training_7.jpg": b"x",
        "archive/train/sad/._Training_7.jpg": b"x",
        "README.md": b"",
    }
    packed = write_zip(fer_root / "other.zip", files)
    other = load(fer_root, path=str(packed))
    same(other, load(fer_root))
    assert other.problems == ()


def test_forms_are_looked_for_in_order(
    fer_root: Path, fer_files: dict[str, bytes], write_csv: CsvWriter
) -> None:
    (fer_root / "fer2013").mkdir()
    write_csv(fer_root / "fer2013" / "fer2013.csv", [(0, face(0), "Training")])
    assert len(load(fer_root)) == 30
    (fer_root / "fer2013.zip").unlink()
    # The folder that only holds the table is not the folder form.
    assert [sample.id for sample in load(fer_root).samples] == ["row-00000"]
    write_folder(fer_root / "fer2013", {"train/sad/Training_1.jpg": fer_files["train/sad/Training_7.jpg"]})
    assert [sample.id for sample in load(fer_root).samples] == ["Training_1"]


def test_table_ids_are_row_numbers_of_the_whole_file(tmp_path: Path, write_csv: CsvWriter) -> None:
    usages = ["Training", "PublicTest", "PrivateTest", "PublicTest"]
    write_csv(tmp_path / "fer2013.csv", [(i, face(i), usage) for i, usage in enumerate(usages)])
    data = load(tmp_path, "test")
    assert [(s.id, s.label) for s in data.samples] == [
        ("row-00001", "disgust"),
        ("row-00002", "fear"),
        ("row-00003", "happy"),
    ]
    np.testing.assert_array_equal(data.pixels(2), face(3))


def test_a_table_saved_by_other_tools_reads_the_same(tmp_path: Path, write_csv: CsvWriter) -> None:
    rows = [(i, face(i), "Training") for i in range(3)]
    plain = load(tmp_path, path=str(write_csv(tmp_path / "plain.csv", rows)))
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(["emotion", "pixels", "Usage"])
    writer.writerows([i, " ".join(map(str, pixels.ravel())), usage] for i, pixels, usage in rows)
    (tmp_path / "quoted.csv").write_bytes(b"\xef\xbb\xbf" + text.getvalue().encode() + b"\r\n")
    same(load(tmp_path, path="quoted.csv"), plain)


# Faults


def test_absent_data_is_one_line_with_place_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        load(tmp_path)
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(tmp_path / "fer2013.zip"), "icml_face_data.csv", "kaggle.com", "--data-root"):
        assert part in message
    with pytest.raises(Unavailable, match=r"elsewhere\.zip"):
        load(tmp_path, path="elsewhere.zip")


@pytest.mark.parametrize(
    ("options", "split", "message"),
    [
        ({}, "validation", "train, public, private, test"),
        ({"form": "tar"}, "train", "zip, folder, csv, icml"),
        ({"froms": "zip"}, "train", r"unknown option 'froms'.*form, path"),
        ({"adapter": "fer"}, "train", r"unknown adapter 'fer'.*fer2013, images"),
    ],
)
def test_wrong_entries_say_what_is_right(
    fer_root: Path, options: dict[str, str], split: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        load(fer_root, split, **options)


def test_bad_files_cost_one_line_each_and_nothing_else(fer_root: Path, fer_files: dict[str, bytes]) -> None:
    whole = load(fer_root)
    victim = "train/happy/Training_3008.jpg"
    faults = {
        victim: fer_files[victim][:-400],
        "train/bored/Training_1.jpg": encoded(face(1), "jpeg"),
        "train/bored/Training_2.jpg": encoded(face(2), "jpeg"),
        "train/sad/image12.jpg": encoded(face(3), "jpeg"),
        "test/sad/Training_9.jpg": encoded(face(4), "jpeg"),
        "train/sad/Training_20.jpg": encoded(face(5, (64, 64)), "jpeg"),
        "train/sad/Training_21.jpg": encoded(face(6, (48, 48, 3)), "jpeg"),
        "train/sad/Training_22.jpg": b"no image",
    }
    data = load(write_folder(fer_root / "bad", fer_files | faults), path=".")
    assert data.problems == (
        "test/sad/Training_9.jpg, train/sad/image12.jpg: not named as FER-2013 names its files, left out",
        "train/bored/Training_1.jpg, train/bored/Training_2.jpg: unknown label 'bored', left out",
    )
    broken = {}
    for index, sample in enumerate(data.samples):
        try:
            data.pixels(index)
        except DataError as error:
            broken[sample.id] = str(error)
    assert sorted(broken) == ["Training_20", "Training_21", "Training_22", "Training_3008"]
    assert "Training_20.jpg is 64 x 64 grey, expected 48 x 48 grey" in broken["Training_20"]
    assert "Training_21.jpg is 48 x 48 RGB" in broken["Training_21"]
    assert all(f"{sample_id}.jpg" in message for sample_id, message in broken.items())
    assert {s.id for s in data.samples} - set(broken) == {s.id for s in whole.samples} - {"Training_3008"}
    assert data.fingerprint != whole.fingerprint


def test_one_image_twice_in_one_class_is_a_problem(fer_root: Path, fer_files: dict[str, bytes]) -> None:
    files = fer_files | {"copy/train/angry/Training_7.jpg": fer_files["train/angry/Training_7.jpg"]}
    data = load(write_folder(fer_root / "twice", files), path=".")
    assert len(data) == 30
    assert data.problems == (
        "train/angry/Training_7.jpg: the same image name as copy/train/angry/Training_7.jpg, left out",
    )


def test_bad_rows_cost_one_line_each_and_nothing_else(tmp_path: Path, write_csv: CsvWriter) -> None:
    good = face(1)
    rows = [
        (0, good, "Training"),
        (9, good, "Training"),
        (1, good, "Validation"),
        (2, "1 2 3", "Training"),
        (3, " ".join(["300"] * 2304), "Training"),
        (4, " ".join(["12"] * 2303 + ["x"]), "Training"),
        (5, " ".join(["-1"] * 2304), "Training"),
        (6, good, "Training"),
    ]
    path = write_csv(tmp_path / "fer2013.csv", rows)
    with path.open("a") as file:
        file.write("3,1 2")  # a download that broke off
    data = load(tmp_path)
    assert [sample.id for sample in data.samples] == [f"row-0000{i}" for i in (0, 3, 4, 5, 6, 7)]
    assert len(data.problems) == 3
    for part in (
        "row 00001: unknown label '9'",
        "row 00002: unknown usage 'Validation'",
        "row 00008: unknown",
    ):
        assert any(part in line for line in data.problems)
    for index in range(1, 5):
        with pytest.raises(DataError, match=rf"fer2013\.csv, row {index + 2}, has unusable pixels"):
            data.pixels(index)
    np.testing.assert_array_equal(data.pixels(5), good)
    assert [digest is None for digest in data.digests] == [False, True, True, True, True, False]


def test_a_table_without_usage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fer2013.csv").write_text("emotion,pixels\n0,1 2 3\n")
    with pytest.raises(DataError, match=r"fer2013\.csv has no column 'usage'"):
        load(tmp_path)


def test_nothing_usable_names_the_first_problem(tmp_path: Path) -> None:
    write_folder(tmp_path / "fer2013", {"train/bored/Training_1.jpg": b""})
    with pytest.raises(DataError, match=r"fer2013:train has no usable image.*bored/Training_1\.jpg"):
        load(tmp_path)
