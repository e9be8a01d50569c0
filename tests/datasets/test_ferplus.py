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


# neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, NF
PRIVATE = [
    [9, 1, 0, 0, 0, 0, 0, 0, 0, 0],  # neutral
    [2, 8, 0, 0, 0, 0, 0, 0, 0, 0],  # happy
    [0, 0, 0, 0, 5, 5, 0, 0, 0, 0],  # half angry, half disgust
    [0, 0, 0, 4, 0, 0, 0, 4, 2, 0],  # half sad; the other half is contempt and no class
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 9],  # no face
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],  # nobody voted
]
PUBLIC = [[0, 0, 10, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 9, 0, 0, 0]]  # surprise, fear


def write_votes(root: Path) -> None:
    parts = {"Training": [[10, *[0] * 9]], "PublicTest": PUBLIC, "PrivateTest": PRIVATE}
    rows = (f"{part},f.png,{','.join(map(str, row))}\n" for part, votes in parts.items() for row in votes)
    (root / "ferplus").mkdir()
    (root / "ferplus" / "fer2013new.csv").write_text(HEADER + "".join(rows))


def test_marginals_are_shares_of_pluralities(fer_root: Path) -> None:
    write_votes(fer_root)
    private = load(fer_root, "private")
    shares = {"neutral": 1, "happy": 1, "angry": 0.5, "disgust": 0.5, "sad": 0.5, "surprise": 0, "fear": 0}
    assert private.marginals == {"ferplus": pytest.approx({k: v / 3.5 for k, v in shares.items()})}
    assert tuple(private.marginals["ferplus"]) == private.space.labels
    assert private.limit(3).marginals == private.marginals
    test = load(fer_root, "test").marginals["ferplus"]
    assert test == pytest.approx({k: v / 5.5 for k, v in {**shares, "surprise": 1, "fear": 1}.items()})
    assert load(fer_root, "train").marginals["ferplus"]["neutral"] == 1


def test_marginals_go_with_every_form(fer_root: Path, write_csv: CsvWriter) -> None:
    write_votes(fer_root)
    write_csv(fer_root / "fer2013.csv", [(0, face(0), "PrivateTest")])
    forms = [load_dataset({"form": form}, "fer2013", "private", fer_root) for form in ("zip", "csv")]
    assert forms[0].marginals == forms[1].marginals != {}


def test_without_votes_there_are_no_marginals(fer_root: Path) -> None:
    data = load(fer_root, "private")
    assert data.marginals == {}
    file = fer_root / "ferplus" / "fer2013new.csv"
    file.parent.mkdir()
    file.write_text(HEADER)
    assert load(fer_root, "private").marginals == {}
    assert data.marginals == {}  # asked once
    for broken in (
        "",
        HEADER + "PrivateTest,f.png,1,2\n",
        HEADER + "PrivateTest,f.png,a,0,0,0,0,0,0,0,0,0\n",
    ):
        file.write_text(broken)
        with pytest.raises(DataError, match=r"new\.csv is empty or holds a row without ten vote counts"):
            _ = load(fer_root, "private").marginals


def test_votes_are_read_when_asked_for(fer_root: Path) -> None:
    data = load(fer_root, "private")
    write_votes(fer_root)
    assert data.limit(2).marginals["ferplus"]["neutral"] == pytest.approx(2 / 7)


def test_real_marginals(data_root: Path) -> None:
    if not (data_root / "ferplus" / "fer2013new.csv").is_file():
        pytest.skip(f"FER+ is not in {data_root}")
    # FER-2013's own labels say neutral 17 % and fear 14 %.
    for split, neutral, fear in [("private", 34.6, 3.0), ("public", 36.6, 2.3), ("test", 35.6, 2.7)]:
        shares = load(data_root, split).marginals["ferplus"]
        assert sum(shares.values()) == pytest.approx(1)
        assert (round(100 * shares["neutral"], 1), round(100 * shares["fear"], 1)) == (neutral, fear)


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
