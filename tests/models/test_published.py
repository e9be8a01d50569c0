"""The table of published numbers: rows become systems, malformed rows are named by their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import DataError
from harness.models.published import COLUMNS, read_published

HEADER = ",".join(COLUMNS)
GOOD = "clip,vlm,fer2013:test,none,7178,accuracy,0.4350,mteb,one template"


@pytest.fixture
def read(tmp_path: Path):
    def read(*rows: str, header: str = HEADER):
        path = tmp_path / "published.csv"
        path.write_text("\n".join([header, *rows]) + "\n")
        return read_published(path)

    return read


def test_rows_of_one_system_source_and_condition_become_one_entry(read):
    (clip,) = read(GOOD, "clip,vlm,fer2013:test,none,1024,recall_fear,.1,mteb,one template")
    assert (clip.model, clip.system, clip.family) == ("clip@mteb", "clip", "vlm")
    assert (clip.dataset, clip.split, clip.restoration) == ("fer2013", "test", "none")
    assert clip.metrics == {"accuracy": 0.435, "recall_fear": 0.1}
    assert clip.n == 7178
    assert clip.counts == {"accuracy": 7178, "recall_fear": 1024}
    assert clip.decimals == {"accuracy": 4, "recall_fear": 1}  # trailing zeros were printed, so they count
    assert clip.note == "one template"


@pytest.mark.parametrize(
    ("old", "new"), [("mteb", "paper"), (":test", ":private"), ("none", "gfpgan"), ("clip", "siglip")]
)
def test_another_source_split_restoration_or_system_is_another_entry(read, old, new):
    first, second = read(GOOD, GOOD.replace(old, new, 1).replace("0.4350", "0.9"))
    assert (first.metrics["accuracy"], second.metrics["accuracy"]) == (0.435, 0.9)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (GOOD.replace("0.4350", "43.5"), "value between 0 and 1"),
        (GOOD.replace("0.4350", "1.01"), "value between 0 and 1"),
        (GOOD.replace("0.4350", "-0.4"), "value between 0 and 1"),
        (GOOD.replace("0.4350", "nan"), "value between 0 and 1"),
        (GOOD.replace("0.4350", "4350e-4"), "value between 0 and 1"),
        (GOOD.replace("0.4350", "43.5%"), "value between 0 and 1"),
        (GOOD.replace("0.4350", ""), "value between 0 and 1"),
        (GOOD.replace("7178", "0"), "n of at least 1"),
        (GOOD.replace("7178", "7178.5"), "n of at least 1"),
        (GOOD.replace("fer2013:test", "fer2013"), "dataset:split"),
        (GOOD.replace("fer2013:test", "fer2013:"), "dataset:split"),
        (GOOD.replace("vlm", "clip-like"), "a family among cnn, vlm, human"),
        (GOOD.replace(",one template", ""), "expected 9 fields"),
        (GOOD + ", zero-shot", "expected 9 fields"),
        (GOOD.replace("0.4350", "0.5"), "accuracy of clip stands there twice"),
    ],
)
def test_a_malformed_row_is_named_by_its_line(read, row, message):
    noted = GOOD.replace("clip", "other").replace("one template", '"a note\nof two lines"')
    with pytest.raises(DataError, match=rf"published\.csv, line 5: .*{message}"):
        read(GOOD, noted, row)


def test_a_wrong_header_is_shown(read):
    with pytest.raises(DataError, match=r"has the header \['model', 'value'\]. Use model,family"):
        read("clip,0.4", header="model,value")


@pytest.mark.parametrize("body", [None, b"", b"\xff\xfe"])
def test_a_file_that_is_absent_empty_or_no_text_is_named(tmp_path, body):
    path = tmp_path / "published.csv"
    if body is not None:
        path.write_bytes(body)
    with pytest.raises(DataError, match=r"published\.csv (cannot be read|has the header)"):
        read_published(path)


def test_the_shipped_table_reads():
    numbers = {(p.model, p.split): p for p in read_published(Path("evals/published.csv"))}
    assert numbers["vit-b-32-openai@clip-benchmark", "test"].metrics["accuracy"] == 0.409446
    assert numbers["vit-b-32-openai@mteb", "test"].metrics["accuracy"] == 0.435219
    assert numbers["resmaskingnet@residual-masking-network", "private"].n == 3589
    phi = numbers["phi-3.5-vision@mulukutla-2025", "test"]
    assert phi.restoration == "gfpgan"
    assert phi.counts["recall_disgust"] == 111
