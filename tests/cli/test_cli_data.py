"""What the `harness` command makes of data that is broken, and what `harness doctor --data` says of it."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import environment, metrics
from PIL import Image
from tiny_suite import LABELS, Reader, sample_id

EMPTY = [sample_id("test", i) for i in range(5)]
PREDICT = ("predict", "good", "--dataset", "tiny:test")
SCORE = ("score", "evals/outside.csv", "--dataset", "tiny:test")


@pytest.fixture
def broken(suite, tmp_path) -> Path:
    """The tiny suite, with five empty files among its 90 images."""
    for name in EMPTY:
        (tmp_path / "data/tiny" / name).write_bytes(b"")
    return suite


def allow(suite: Path, share: float) -> None:
    text = re.sub(r"max_missing = .*\n", "", suite.read_text())
    suite.write_text(text.replace('adapter = "images"\n', f'adapter = "images"\nmax_missing = {share}\n'))


@pytest.mark.parametrize("verb", [PREDICT, SCORE], ids=["predict", "score"])
def test_five_empty_files_are_an_error_by_name_before_a_model_is_asked(harness, broken, verb):
    error = harness(*verb).error
    assert "tiny:test lacks 5.6% of its images, more than 1.0%" in error
    assert f"{EMPTY[0]}, {EMPTY[3]}, {EMPTY[1]} and 2 more: cannot be decoded (it is empty)" in error
    assert not Reader.loads


@pytest.mark.parametrize("verb", [PREDICT, SCORE], ids=["predict", "score"])
def test_as_many_as_are_allowed_are_left_out_and_said_under_the_table(harness, broken, verb):
    allow(broken, 0.1)
    shown = harness(*verb)
    assert shown.status == 0, shown.err
    assert "n = 85" in shown.out
    (problem,) = [line for line in shown.out.splitlines() if line.startswith("problem: ")]
    assert "and 2 more: cannot be decoded (it is empty), left out" in problem
    found = harness(*verb, "--json").json
    assert found["problems"] == [problem.removeprefix("problem: ")]
    every, wrong = (10, 8) if verb is PREDICT else (2, 42)  # of 5 to 89
    assert len([i for i in range(5, 90) if i % every == 0]) == wrong
    assert metrics(found)["accuracy", None]["value"] == pytest.approx((85 - wrong) / 85)


def test_out_has_a_row_with_the_reason_for_each(harness, broken, tmp_path):
    allow(broken, 0.1)
    assert harness(*PREDICT, "--out", "answers.csv").status == 0
    table = pd.read_csv(tmp_path / "answers.csv").set_index("sample_id")
    assert len(table) == 90
    assert set(table.loc[EMPTY, "reason"]) == {"cannot be decoded (it is empty)"}
    assert table.loc[EMPTY, "label"].isna().all()
    again = harness("score", "answers.csv", "--dataset", "tiny:test", "--json").json
    assert again["problems"] == harness(*PREDICT, "--json").json["problems"]
    assert again["metrics"] == harness(*PREDICT, "--json").json["metrics"]


def test_a_list_of_files_that_are_elsewhere_is_an_error(harness, suite, tmp_path):
    (tmp_path / "data/tiny/list.csv").write_text(
        "path,label,split\n"
        + "".join(f"test/{i}.png,sad,test\n" for i in range(3000))
        + f"{EMPTY[0]},sad,test"
    )
    suite.write_text(
        suite.read_text().replace('adapter = "images"\n', 'adapter = "images"\ncsv = "list.csv"\n')
    )
    assert "tiny:test lacks 100.0% of its images" in harness(*PREDICT).error
    assert "lists a file that" in finding(harness)


def test_metadata_that_pillow_warns_of_changes_no_answer_even_where_warnings_are_errors(suite, tmp_path):
    suite.write_text(suite.read_text().replace('adapter = "reader"', 'adapter = "tiny_suite:Reader"'))
    tags = Image.Exif()
    tags[0x010E] = "a text that the file ends before"
    cut = tags.tobytes()[:-20]
    for i in range(60):
        path = tmp_path / "data/tiny" / sample_id("test", i)
        pixels = np.asarray(Image.open(path))
        path.with_suffix(".jpg").write_bytes(encoded(pixels, "jpeg", exif=cut))
        path.unlink()
    found = [
        subprocess.run(
            [
                sys.executable,
                *flags,
                "-c",
                "from harness.cli import main; main()",
                *PREDICT,
                "--json",
                "--store",
                name,
            ],
            cwd=tmp_path,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
        )
        for name, flags in {"plain": (), "strict": ("-W", "error::UserWarning")}.items()
    ]
    plain, strict = (json.loads(run.stdout) for run in found)
    assert (plain["n"], plain["problems"]) == (90, [])
    assert plain == strict


def encoded(pixels: np.ndarray, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def test_a_picture_that_a_restorer_would_make_huge_is_one_failure(harness, suite, tmp_path):
    (tmp_path / "data/tiny" / EMPTY[0]).write_bytes(encoded(np.zeros((1, 60_000), np.uint8), "png"))
    shown = harness(*PREDICT, "--restoration", "bicubic", "--json").json
    assert shown["n"] == 90
    (problem,) = shown["problems"]
    assert problem.startswith(
        f"{EMPTY[0]}: not restored by bicubic (ValueError: 60000 x 1 pixels would become"
    )
    assert metrics(shown)["coverage", None]["value"] == pytest.approx(89 / 90)


# What is not read, in each place where a user may meet it


def finding(harness) -> str:
    (found,) = [f for f in harness("doctor", "--json").json["findings"] if f["what"] == "dataset tiny:test"]
    assert not found["ok"]
    return found["state"]


def test_heic_is_named_with_what_to_do(harness, suite, tmp_path):
    path = tmp_path / "data/tiny" / EMPTY[0]
    path.with_suffix(".heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1" + bytes(999))
    path.unlink()
    allow(suite, 0.1)
    told = "cannot be decoded (it is HEIC, which Pillow does not read; convert it to PNG)"
    for shown in (harness(*PREDICT), harness("doctor", "--data", "tiny")):
        assert shown.status == 0, shown.err
        assert f"problem: {EMPTY[0].replace('.png', '.heic')}: {told}, left out" in shown.out
    allow(suite, 0.0)
    assert told in harness(*PREDICT).error
    assert told in finding(harness)


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".7z"])
def test_an_archive_that_is_not_read_in_place_is_named_with_what_to_do(harness, suite, tmp_path, suffix):
    data = tmp_path / "data"
    shutil.rmtree(data / "tiny")
    (data / f"tiny{suffix}").write_bytes(b"x")
    told = (
        f"tiny is here as {data}/tiny{suffix}, which is not read in place. Unpack it to {data}/tiny, or pack"
    )
    assert told in harness(*PREDICT).error
    assert told in finding(harness)
    shown = harness("doctor", "--data", "tiny")
    assert shown.status == 2
    assert f"error: {told}" in shown.out


# The doctor


def test_the_doctor_names_files_that_cannot_be_read(harness, broken):
    state = finding(harness)
    assert "90 samples, of 90 looked at 5 are unreadable: " in state
    assert EMPTY[0] in state
    assert "harness doctor --data tiny:test" in state


def test_doctor_data_tells_what_the_files_are(harness, suite, tmp_path):
    shown = harness("doctor", "--data")
    assert shown.status == 0, shown.err
    assert "tiny:test: 90 images" in shown.out
    assert "labels: angry 30, happy 30, sad 30" in shown.out
    assert "forms: 4 x 4 grey 90" in shown.out
    (tmp_path / "data/tiny/train/sad/copy.png").write_bytes((tmp_path / "data/tiny" / EMPTY[0]).read_bytes())
    found = harness("doctor", "--data", "tiny:test", "tiny:train", "--json").json
    assert found["unusable"] == 0
    assert [(one["source"], one["shared"]) for one in found["datasets"]] == [
        ("tiny:test", {"tiny:train": 1}),
        ("tiny:train", {"tiny:test": 1}),
    ]


def test_doctor_data_ends_with_status_2_where_evals_cannot_use_the_data(harness, broken):
    shown = harness("doctor", "--data", "tiny")
    assert shown.status == 2
    assert "tiny:test: 85 images, unusable" in shown.out
    assert f"problem: {EMPTY[0]}" in shown.out
    shown = harness("doctor", "--data", "--json")
    (found,) = json.loads(shown.out)["datasets"]
    assert (found["ok"], sorted(found["unreadable"])) == (False, sorted(EMPTY))
    allow(broken, 0.1)
    shown = harness("doctor", "--data", "tiny")
    assert shown.status == 0
    assert "tiny:test: 85 images\n" in shown.out
    assert "problem: " in shown.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tiny"], "Add --data"),
        (["--data", "other"], "No profile of the suite names a split of other. Write other:SPLIT."),
    ],
)
def test_what_the_doctor_is_not_asked_well(harness, suite, arguments, message):
    assert message in harness("doctor", *arguments).error


def test_one_class_and_one_sample_are_enough(harness, suite, tmp_path):
    for label in LABELS[1:]:
        for path in (tmp_path / "data/tiny/test" / label).iterdir():
            path.unlink()
    assert "n = 30" in harness(*PREDICT).out
    _kept, *rest = (tmp_path / "data/tiny/test" / LABELS[0]).iterdir()
    for path in rest:
        path.unlink()
    shown = harness(*PREDICT)
    assert shown.status == 0, shown.err
    assert "n = 1\n" in shown.out
    assert harness("doctor", "--data").status == 0
