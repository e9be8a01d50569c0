"""The pictures that a run keeps."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gallery_runs import faces, faces_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from harness.datasets import Dataset
from harness.errors import DataError, Unavailable
from harness.predictions import Cell, Predictions
from harness.reporting import write_report
from harness.runs import keep_pictures, read_run
from harness.runs.folder import PICTURES
from harness.runs.pictures import SIDE, SIZE_LIMIT, read_pictures, thumbnail

Cells = dict[str, Predictions]
KEPT = (("fer2013:private", "none"), ("fer2013:private", "gfpgan"))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=["WEBP"])


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([(), (3,)]), st.integers(0, 2**32 - 1))
def test_a_thumbnail_is_small_whatever_it_shows(high: int, wide: int, colour: tuple, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (high, wide, *colour), np.uint8)
    data = thumbnail(noise)
    assert len(data) <= SIZE_LIMIT
    width, height = opened(data).size
    assert max(width, height) == min(SIDE, max(wide, high))
    if max(wide, high) <= SIDE:
        assert (width, height) == (wide, high)


@given(arrays(np.uint8, (6, 6)))
def test_a_thumbnail_looks_like_the_picture(blocks: np.ndarray) -> None:
    pixels = np.kron(blocks, np.ones((16, 16), np.uint8))
    shown = np.asarray(opened(thumbnail(pixels)).convert("L")).astype(float)
    assert np.abs(shown - pixels).mean() < 6


def test_every_condition_keeps_the_same_samples_and_reads_no_others(
    tmp_path: Path, small_cells: Cells
) -> None:
    read: Counter[tuple[str, str]] = Counter()

    def samples(cell: Cell) -> Dataset:
        whole = faces(small_cells[str(cell)])

        def logged(sample_id: str) -> np.ndarray:
            read[cell.restoration, sample_id] += 1
            return whole.read(sample_id)

        return replace(whole, read=logged)

    assert keep_pictures(tmp_path, small_cells, 12, samples) == []
    kept = read_pictures(tmp_path)
    assert set(kept) == set(KEPT)
    assert set(kept[KEPT[0]]) == set(kept[KEPT[1]])
    assert len(kept[KEPT[0]]) == 12
    assert set(read) == {
        (restoration, sample) for (_, restoration), images in kept.items() for sample in images
    }
    assert set(read.values()) == {1}


def test_keeping_twice_gives_the_same_file(tmp_path: Path, small_cells: Cells) -> None:
    files = []
    for folder in ("one", "two"):
        keep_pictures(tmp_path / folder, small_cells, 9, faces_of(small_cells))
        files.append((tmp_path / folder / PICTURES).read_bytes())
    assert files[0] == files[1]


def test_none_are_kept_where_none_are_wanted(tmp_path: Path, small_cells: Cells) -> None:
    assert keep_pictures(tmp_path, small_cells, 0, faces_of(small_cells)) == []
    assert list(tmp_path.iterdir()) == []
    assert read_pictures(tmp_path) == {}


def test_a_prompt_about_some_labels_hides_no_sample(tmp_path: Path, small_cells: Cells) -> None:
    first = next(iter(small_cells.values()))
    part = first.subset(first.gold == 0)
    part = replace(part, cell=replace(part.cell, prompt="four"))
    cells = {str(part.cell): part, str(first.cell): first}
    keep_pictures(tmp_path, cells, 20, faces_of(cells))
    assert len(read_pictures(tmp_path)[KEPT[0]]) == 20


def test_what_cannot_be_read_is_left_out_and_what_cannot_be_had_is_a_problem(
    tmp_path: Path, small_cells: Cells
) -> None:
    def samples(cell: Cell) -> Dataset:
        if cell.restoration == "gfpgan":
            raise Unavailable("No weights of gfpgan. Fetch them.")
        whole = faces(small_cells[str(cell)])

        def torn(sample_id: str) -> np.ndarray:
            if sample_id in whole_kept[::2]:
                raise DataError(f"{sample_id} is torn.")
            return whole.read(sample_id)

        return replace(whole, read=torn)

    keep_pictures(tmp_path / "whole", small_cells, 10, faces_of(small_cells))
    whole_kept = list(read_pictures(tmp_path / "whole")[KEPT[0]])
    (problem,) = keep_pictures(tmp_path, small_cells, 10, samples)
    assert problem.endswith("fer2013:private, restoration gfpgan: No weights of gfpgan. Fetch them.")
    assert list(read_pictures(tmp_path)[KEPT[0]]) == whole_kept[1::2]


def test_a_broken_file_is_a_problem_of_the_report_not_its_end(
    new_run: Callable[..., Path], small_cells: Cells
) -> None:
    run = new_run("run", small_cells, [])
    (run / PICTURES).write_bytes(b"PAR1 torn")
    (problem,) = [problem for problem in read_run(run).problems if PICTURES in problem]
    assert "holds no pictures" in problem
    page = write_report(run).read_text("utf-8")
    assert PICTURES in page
    assert "gallery-data" not in page
    with pytest.raises(DataError, match=PICTURES):
        read_pictures(run)
