"""A run folder is read as it was written, or one line says which file is not what the run wrote."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_suite import write_suite

from harness.errors import DataError, UsageError
from harness.labels import LabelSpace
from harness.predictions import Cell, Predictions
from harness.runs import Recorder, new_run_folder, read_record, read_run, record_predictions, run_names
from harness.runs.folder import PICTURES
from harness.suite import Suite
from harness.tasks import Choice

SPACE = LabelSpace("two", ("happy", "sad"), ("happy", "sad"))
CELL = Cell("cnn", "faces", "test")


def answers(n: int = 40) -> Predictions:
    labels = np.resize(SPACE.labels, n)
    return Predictions(
        CELL,
        Choice(SPACE),
        pd.DataFrame(
            {
                "sample_id": [f"{i}.png" for i in range(n)],
                "group": [str(i) for i in range(n)],
                "gold": labels,
                "outcome": "parsed",
                "label": labels[::-1],
                "raw_text": None,
                "reason": None,
                "latency_s": 0.25,
                "pixel_digest": [f"{i:064x}" for i in range(n)],
            }
        ),
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of one cell, written by the recorder."""
    recorder = Recorder(new_run_folder(tmp_path / "reports"), {"seed": 0, "alpha": 0.05})
    recorder.add({"cells": [record_predictions(recorder.run, answers(), "classifier")]})
    recorder.write(Suite.read(write_suite(tmp_path)))
    return recorder.run


def the_file(run: Path) -> Path:
    (path,) = run.glob("cells/*.parquet")
    return path


def test_what_was_written_is_read(run: Path) -> None:
    read = read_run(run)
    assert read.problems == []
    (predictions,) = read.predictions.values()
    pd.testing.assert_frame_equal(predictions.table, answers().table, check_dtype=False)
    assert run_names(run.parent) == [run.name, "latest"]
    assert (run.parent / "latest").resolve() == run


def flipped(path: Path, place: int) -> None:
    body = bytearray(path.read_bytes())
    body[place] ^= 1
    path.write_bytes(bytes(body))


@pytest.mark.parametrize("part", np.linspace(0, 1, 23)[:-1])
def test_one_altered_bit_of_a_cell_is_noticed_wherever_it_is(run: Path, part: float) -> None:
    path = the_file(run)
    flipped(path, int(part * path.stat().st_size))
    read = read_run(run)
    assert read.predictions == {}
    assert list(read.problems) == [f"{path} is damaged: it is not what the run wrote. Make the run again."]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def made_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("done", [cut, emptied, made_a_pipe, made_a_folder])
def test_a_cell_that_is_no_whole_file_is_one_problem(run: Path, done) -> None:
    path = the_file(run)
    done(path)
    read = read_run(run)
    assert read.predictions == {}
    (problem,) = read.problems
    assert str(path) in problem
    assert "\n" not in problem


@pytest.mark.parametrize("done", [cut, emptied, made_a_pipe])
def test_pictures_that_are_no_whole_file_are_one_problem(run: Path, done) -> None:
    shutil.copy(the_file(run), run / PICTURES)
    done(run / PICTURES)
    read = read_run(run)
    assert len(read.predictions) == 1
    (problem,) = read.problems
    assert PICTURES in problem
    assert "goes without its gallery" in problem


@pytest.mark.parametrize("done", [cut, emptied, made_a_pipe, made_a_folder])
def test_claims_that_are_no_whole_file_end_reading(run: Path, done) -> None:
    done(run / "claims.json")
    with pytest.raises(DataError, match=r"claims\.json"):
        read_run(run)


def test_a_lost_cell_is_a_problem(run: Path) -> None:
    the_file(run).unlink()
    assert list(read_run(run).problems) == [f"Cell {CELL} has no predictions file in {run.name}/cells."]


def test_a_folder_of_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no run\.json"):
        read_record(tmp_path)
