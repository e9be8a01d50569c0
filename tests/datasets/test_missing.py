"""What cannot be read is no answer of a model: left out by name, and too much of it is an error."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny_sets import encoded, face, write_folder

from harness.datasets import Dataset, load_dataset
from harness.datasets.checkup import check
from harness.datasets.problems import MOST_REASONS, Problems
from harness.errors import DataError, UsageError
from harness.predictions import Cell, Predictions, join
from harness.predictions.csv_file import write_csv

ENTRY: dict[str, Any] = {"adapter": "images", "space": "fer2013"}


def folder(root: Path, n: int, *broken: int) -> Path:
    """n sad images of which some are empty files."""
    files = {f"test/sad/{i:03d}.png": b"" if i in broken else encoded(face(i, (4, 4))) for i in range(n)}
    return write_folder(root / "mine", files).parent


def load(root: Path, split: str = "test", **entry: Any) -> Dataset:
    return load_dataset({**ENTRY, **entry}, "mine", split, root)


def test_what_cannot_be_read_is_left_out_by_name(tmp_path: Path) -> None:
    whole = load(folder(tmp_path, 20, 3, 7, 8, 9, 15), max_missing=0.25)
    data = whole.readable()
    assert (len(whole), len(data)) == (20, 15)
    assert list(data.unreadable) == [f"test/sad/{i:03d}.png" for i in (3, 7, 8, 9, 15)]
    assert data.problems == (
        "test/sad/003.png, test/sad/007.png, test/sad/008.png and 2 more: cannot be decoded (it is empty), "
        "left out",
    )
    assert None not in data.digests
    assert data.readable() is data


def test_a_readable_data_set_stays_itself(tmp_path: Path) -> None:
    data = load(folder(tmp_path, 5))
    assert data.readable() is data


@pytest.mark.parametrize("broken", [1, 2])
def test_more_than_a_stated_share_is_an_error(tmp_path: Path, broken: int) -> None:
    data = load(folder(tmp_path, 100, *range(broken)))
    if broken == 1:
        assert len(data.readable()) == 99
        return
    message = r"mine:test lacks 2\.0% of its images, more than 1\.0%: .*000\.png.* raise max_missing in \["
    with pytest.raises(DataError, match=message):
        data.readable()


def test_nothing_readable_is_an_error_whatever_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no usable image; the first problem: .*it is empty"):
        load(folder(tmp_path, 2, 0, 1), max_missing=1.0).readable()


def test_listed_images_without_a_file_and_unreadable_ones_add_up(tmp_path: Path) -> None:
    folder(tmp_path, 10, 4)
    rows = "\n".join(f"test/sad/{i:03d}.png,sad" for i in range(20))
    (tmp_path / "mine/list.csv").write_text(f"path,label\n{rows}\n")
    data = load(tmp_path, csv="list.csv", split="all", max_missing=0.6)
    assert data.missing == 0.5
    assert data.limit(4).missing == 0.5
    assert data.readable().missing == pytest.approx(0.55)
    with pytest.raises(DataError, match=r"lacks 55\.0% of its images, more than 54\.0%"):
        load(tmp_path, csv="list.csv", split="all", max_missing=0.54).readable()
    with pytest.raises(DataError, match=r"lacks 50\.0% of its images, more than 49\.0%: list\.csv, line 12"):
        load(tmp_path, csv="list.csv", split="all", max_missing=0.49)


def test_a_list_of_30002_images_of_which_2_exist_is_an_error_before_anything_is_read(tmp_path: Path) -> None:
    folder(tmp_path, 2)
    rows = "\n".join(f"test/sad/{i:03d}.png,sad" for i in range(30_002))
    (tmp_path / "mine/list.csv").write_text(f"path,label\n{rows}\n")
    with pytest.raises(
        DataError, match=r"mine:all lacks 100\.0% of its images.*and 29,997 more: lists a file"
    ):
        load(tmp_path, csv="list.csv", split="all")


def test_missing_images_count_for_their_split(tmp_path: Path) -> None:
    folder(tmp_path, 4)
    rows = [f"test/sad/{i:03d}.png,sad,{'val' if i > 3 else 'test'}" for i in range(6)]
    (tmp_path / "mine/list.csv").write_text("\n".join(["path,label,split", *rows]))
    assert load(tmp_path, csv="list.csv").missing == 0
    with pytest.raises(DataError, match=r"mine:val lists 2 images and holds none"):
        load(tmp_path, csv="list.csv", split="val")


@pytest.mark.parametrize("wrong", [-0.1, 1.5, "1 %", True, None])
def test_a_share_is_a_share(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(UsageError, match="Expected `max_missing` of dataset mine to be from 0 to 1"):
        load(folder(tmp_path, 1), max_missing=wrong)


def test_problems_of_many_kinds_do_not_fill_the_screen() -> None:
    problems = Problems()
    for i in range(MOST_REASONS + 5):
        problems.add(f"unknown label {i}", f"{i}.png")
    lines = problems.lines()
    assert len(lines) == MOST_REASONS
    assert lines[-1] == "6 more files: 6 more reasons, left out"


def test_answers_carry_what_was_left_out(tmp_path: Path) -> None:
    data = load(folder(tmp_path, 100, 5)).readable()
    n = len(data)
    answers = pd.DataFrame(
        {
            "outcome": ["parsed"] * n,
            "label": ["sad"] * n,
            "raw_text": "sad",
            "reason": None,
            "latency_s": np.nan,
            "pixel_digest": "",
        }
    )
    predictions = join(Cell("m", "mine", "test"), data, answers, ["sad"])
    assert predictions.problems == data.problems
    predictions.write(tmp_path / "cell.parquet")
    again = Predictions.read(tmp_path / "cell.parquet")
    assert (again.problems, again.unreadable) == (data.problems, data.unreadable)
    write_csv(again, tmp_path / "out.csv")
    written = pd.read_csv(tmp_path / "out.csv").set_index("sample_id")
    assert len(written) == 100
    assert written.loc["test/sad/005.png", "reason"] == "cannot be decoded (it is empty)"
    assert written.loc["test/sad/005.png", "outcome"] == "failed"
    assert written["label"].notna().sum() == 99


# Looking at every file


def test_a_checkup_tells_all_of_a_split_that_cannot_be_used(tmp_path: Path) -> None:
    (found,) = check({"mine:test": ENTRY}, folder(tmp_path, 20, 1, 2))
    assert "mine:test lacks 10.0% of its images" in found.error
    assert (found.images, found.labels["sad"], found.labels["happy"]) == (18, 18, 0)
    assert found.forms == {"4 x 4 grey": 18}
    assert list(found.unreadable) == ["test/sad/001.png", "test/sad/002.png"]


def test_a_checkup_finds_copies_within_and_across_splits(tmp_path: Path) -> None:
    picture, other = encoded(face(1)), encoded(face(2, (5, 7, 3)))
    files = {"test/sad/1.png": picture, "test/sad/2.png": picture, "test/sad/3.png": other}
    write_folder(tmp_path / "mine", {**files, "train/sad/1.png": other})
    test, train, absent = check(dict.fromkeys(("mine:test", "mine:train", "mine:val"), ENTRY), tmp_path)
    assert (test.copies, test.shared, test.error) == (1, {"mine:train": 1}, "")
    assert test.forms == {"48 x 48 grey": 2, "7 x 5 RGB": 1}
    assert (train.copies, train.shared) == (0, {"mine:test": 1})
    assert "Unknown split mine:val" in absent.error
