"""Run folders with pictures, for the tests of the gallery."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.datasets import Dataset, Sample
from harness.predictions import Predictions


def face(sample_id: str, size: int = 48) -> np.ndarray:
    """A round grey face with two eyes; its shade is that of the sample."""
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    shade = 90 + sum(sample_id.encode()) * 7 % 130
    pixels = np.full((size, size), 30.0)
    pixels[rows**2 + columns**2 < 0.2] = shade
    for eye in (-0.16, 0.16):
        pixels[(rows + 0.1) ** 2 + (columns - eye) ** 2 < 0.004] = 10
    return pixels.astype(np.uint8)


def faces(predictions: Predictions) -> Dataset:
    """The samples of a cell as a dataset of drawn faces; restored ones are larger and in colour."""
    cell = predictions.cell
    rows = predictions.table[["sample_id", "gold"]].astype(str).itertuples(index=False)
    samples = tuple(Sample(sample, gold) for sample, gold in rows)

    def read(sample_id: str) -> np.ndarray:
        return (
            face(sample_id) if cell.restoration == "none" else np.stack([face(sample_id, 128)] * 3, axis=-1)
        )

    return Dataset(cell.dataset, cell.split, predictions.task, samples, read)


def faces_of(cells: Mapping[str, Predictions]):
    """What `keep_pictures` takes to find the samples of a cell."""
    return lambda cell: faces(cells[str(cell)])
