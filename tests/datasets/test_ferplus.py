import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny_sets import face

from harness.datasets import Dataset, ferplus_labels, ferplus_votes, load_dataset
from harness.errors import DataError, Unavailable, UsageError
from harness.labels import label_map, label_space

CsvWriter = Callable[..., Path]


def load(root: Path, split: str) -> Dataset:
    return load_dataset({}, "fer2013", split, root)


HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"


def test_votes_follow_rows(tmp_path: Path, write_csv: CsvWriter) -> None:
    usages = ["Training", "PublicTest", "PrivateTest", "PrivateTest"]
    write_csv(tmp_path / "fer2013.csv", [(0, face(i), usage) for i, usage in enumerate(usages)])
    votes = np.eye(10, dtype=int)[:4] * 9 + 1
    ferplus = tmp_path / "fer2013new.csv"
    lines = [f"{u},fer.png,{','.join(map(str, row))}\n" for u, row in zip(usages, votes, strict=True)]
    ferplus.write_text(HEADER + "".join(lines))
    for split in ("train", "test", "private"):
        data = load(tmp_path, split)
        rows = [int(sample.id[4:]) for sample in data.samples]
        np.testing.assert_array_equal(ferplus_votes(data, ferplus), votes[rows])
    private = load(tmp_path, "private")
    assert ferplus_labels(ferplus_votes(private, ferplus)) == ["surprise", "sadness"]
    one = private.limit(1)
    assert ferplus_votes(one, ferplus).shape == (1, 10)

    ferplus.write_text(HEADER + "".join(lines[:-1]))
    with pytest.raises(DataError, match=r"3 rows and .* 4"):
        ferplus_votes(private, ferplus)
    ferplus.write_text(HEADER + "".join(reversed(lines)))
    with pytest.raises(DataError, match=r"row 0, is of 'PrivateTest' but of 'Training'"):
        ferplus_votes(private, ferplus)
    ferplus.write_text(HEADER + "".join(lines[:-1]) + "PrivateTest,fer.png,1,2\n")
    with pytest.raises(DataError, match="without ten vote counts"):
        ferplus_votes(private, ferplus)
    ferplus.write_text(HEADER.replace("NF", "contempt2"))
    with pytest.raises(DataError, match="columns"):
        ferplus_votes(private, ferplus)
    with pytest.raises(Unavailable, match=r"absent\.csv.*FERPlus"):
        ferplus_votes(private, tmp_path / "absent.csv")


def test_the_zip_form_cannot_be_joined_and_says_why(fer_root: Path) -> None:
    with pytest.raises(UsageError, match=r"fer2013:private.*row order.*form = 'csv'"):
        ferplus_votes(load(fer_root, "private"), fer_root / "fer2013new.csv")


def test_plurality_never_guesses() -> None:
    votes = np.zeros((3, 10), dtype=int)
    votes[0, [0, 3]] = 6, 4
    votes[1, [0, 3]] = 5, 5
    assert ferplus_labels(votes) == ["neutral", None, None]
    with pytest.raises(UsageError, match=r"\(N, 7\)"):
        ferplus_labels(votes, label_space("fer2013"))


def test_real_votes_on_a_table_of_their_rows(data_root: Path, tmp_path: Path, write_csv: CsvWriter) -> None:
    ferplus = data_root / "ferplus" / "fer2013new.csv"
    if not ferplus.is_file():
        pytest.skip(f"FER+ is not at {ferplus}")
    with ferplus.open(newline="") as file:
        usages = [row["Usage"] for row in csv.DictReader(file)]
    write_csv(tmp_path / "fer2013.csv", [(0, "0", usage) for usage in usages])
    data = load(tmp_path, "test")
    votes = ferplus_votes(data, ferplus)
    assert votes.shape == (7178, 10)
    assert set(votes.sum(axis=1)) <= {9, 10}
    # FER+ votes say neutral twice as often as FER-2013's labels do (17 %), and fear a sixth as often (14 %).
    seven = label_map("ferplus", "fer2013")
    shares = Counter(ferplus_labels(seven.scores(votes), seven.target))
    assert 0.33 < shares["neutral"] / len(data) < 0.38
    assert round(100 * shares["fear"] / len(data), 1) == 2.4
