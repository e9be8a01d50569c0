"""The CSV forms: `fer2013.csv` (emotion,pixels,Usage) and `icml_face_data.csv` (other order, spaces)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.datasets.dataset import Dataset
from harness.datasets.problems import Problems
from harness.datasets.sample import Sample
from harness.errors import DataError
from harness.labels import label_space
from harness.stimuli import Pixels
from harness.tasks import Choice

from .files import SHAPE

_COLUMNS = ("emotion", "pixels", "usage")
_USAGES = ("Training", "PublicTest", "PrivateTest")


@dataclass(frozen=True)
class Rows:
    """A table read row by row when pixels are asked for (300 MB of text in all); the `read` of a data set.

    Attributes:
        path: The file.
        starts: Where each row begins, in bytes; one more entry for the end.
        column: Index of the column of pixels.
        emotions: The label number of each row, as text.
        usages: The part that each row belongs to.
    """

    path: Path
    starts: tuple[int, ...]
    column: int
    emotions: tuple[str, ...]
    usages: tuple[str, ...]

    def __call__(self, sample_id: str) -> Pixels:
        """The pixels of one row; raises DataError with its number."""
        row = row_of(sample_id)
        with self.path.open("rb") as file:
            file.seek(self.starts[row])
            cells = _cells(file.read(self.starts[row + 1] - self.starts[row]))
        try:
            values = np.fromstring(cells[self.column], dtype=np.int64, sep=" ")
            if values.size != SHAPE[0] * SHAPE[1]:
                raise ValueError(f"{values.size} values")
            if values.min() < 0 or values.max() > 255:
                raise ValueError(f"values from {values.min()} to {values.max()}")
        except (ValueError, DeprecationWarning) as error:  # the warning is numpy's before 2.3
            raise DataError(
                f"{self.path}, row {row}, has unusable pixels ({error}); expected {SHAPE[0] * SHAPE[1]} "
                "numbers from 0 to 255. Restore the file from the original download."
            ) from error
        return values.astype(np.uint8).reshape(SHAPE)


def load_rows(path: Path, name: str, split: str, usages: tuple[str, ...]) -> Dataset:
    """The rows whose Usage is one of `usages`, in the order of the file.

    Ids are `row-00000` and so on, by the number of the row in the whole file.

    Raises:
        DataError: The file lacks a column or holds no usable row.
    """
    rows = index_rows(path)
    space = label_space("fer2013")
    codes = {str(code): label for code, label in enumerate(space.labels)}
    problems = Problems()
    samples = []
    for row, (emotion, usage) in enumerate(zip(rows.emotions, rows.usages, strict=True)):
        if usage not in _USAGES:
            problems.add(f"unknown usage {usage!r}, left out", f"{path}, row {row:05d}")
        elif usage in usages and emotion not in codes:
            problems.add(f"unknown label {emotion!r}, left out", f"{path}, row {row:05d}")
        elif usage in usages:
            samples.append(Sample(f"row-{row:05d}", codes[emotion]))
    return Dataset(name, split, Choice(space), tuple(samples), rows, problems.lines())


def index_rows(path: Path) -> Rows:
    """Where the rows of the table are and what they say, pixels aside.

    Raises:
        DataError: The file cannot be read or lacks a column.
    """
    starts: list[int] = []
    emotions: list[str] = []
    usages: list[str] = []
    try:
        with path.open("rb") as file:
            header = [cell.casefold() for cell in _cells(file.readline())]
            if missing := [column for column in _COLUMNS if column not in header]:
                raise DataError(
                    f"{path} has no column {missing[0]!r}. "
                    "Use fer2013.csv or icml_face_data.csv as published."
                )
            emotion, pixels, usage = (header.index(column) for column in _COLUMNS)
            start = file.tell()
            for line in file:
                if line.strip():
                    cells = _cells(line)
                    whole = len(cells) == len(header)
                    starts.append(start)
                    emotions.append(cells[emotion] if whole else "")
                    usages.append(cells[usage] if whole else "")
                start += len(line)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}). Check the file and its rights."
        ) from error
    return Rows(path, (*starts, start), pixels, tuple(emotions), tuple(usages))


def row_of(sample_id: str) -> int:
    """The number of the row that a sample came from."""
    return int(sample_id.removeprefix("row-"))


def _cells(line: bytes) -> list[str]:
    """The cells of a line: neither numbers nor usages hold commas, so quotes are only ever around a cell."""
    return [cell.strip(' \t\r\n"') for cell in line.decode("utf-8-sig", errors="replace").split(",")]
