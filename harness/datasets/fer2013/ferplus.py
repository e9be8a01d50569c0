"""FER+: ten votes per FER-2013 row, joined by row order."""

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.datasets.dataset import Dataset
from harness.errors import DataError, Unavailable, UsageError
from harness.labels import LabelSpace, label_map, label_space

from .rows import Rows, row_of


def ferplus_votes(dataset: Dataset, csv_path: Path) -> NDArray[np.int64]:
    """The votes for each sample: (N, 10), columns in the order of the label space `ferplus`.

    FER+ (Barsoum et al. 2016, arXiv 1608.01041) lists the rows of the FER-2013 table in order and
    carries no other key: the number in its image names drifts from row 60 on.

    Args:
        dataset: FER-2013 from one of its CSV forms.
        csv_path: `fer2013new.csv`.

    Raises:
        UsageError: The data set does not come from a CSV form, so nothing says which row is which.
        Unavailable: `csv_path` is not there.
        DataError: The two files do not list the same rows.
    """
    table = dataset.read
    if not isinstance(table, Rows):
        raise UsageError(
            f"FER+ votes cannot be joined to {dataset}: they follow the row order of fer2013.csv, which the "
            "file names of the zip and folder forms do not keep. "
            "Load FER-2013 with form = 'csv' or form = 'icml'."
        )
    usages, votes = _read(csv_path)
    if len(usages) != len(table.usages):
        raise DataError(
            f"{csv_path} has {len(usages):,} rows and {table.path} {len(table.usages):,}. "
            "Use both files complete and as published."
        )
    for row, (ours, theirs) in enumerate(zip(table.usages, usages, strict=True)):
        if ours != theirs:
            raise DataError(
                f"{csv_path}, row {row}, is of {theirs!r} but of {ours!r} in {table.path}. "
                "Use both files in their published row order."
            )
    return votes[[row_of(sample.id) for sample in dataset.samples]]


def ferplus_labels(votes: ArrayLike, space: LabelSpace | None = None) -> list[str | None]:
    """The label with most votes for each row; None where the first place is shared or nobody voted.

    Args:
        votes: Shape (N, K). For seven classes: `label_map("ferplus", "fer2013").scores(votes)`.
        space: The space of the columns. Default: `ferplus`.

    Raises:
        UsageError: The votes do not have one column per label.
    """
    labels = (space or label_space("ferplus")).labels
    counts = np.asarray(votes)
    if counts.ndim != 2 or counts.shape[1] != len(labels):
        raise UsageError(
            f"Expected votes of shape (N, {len(labels)}), but got {counts.shape}. Pass their space."
        )
    most = counts.max(axis=1, keepdims=True)
    clear = ((counts == most).sum(axis=1) == 1) & (most[:, 0] > 0)
    return [labels[best] if sure else None for best, sure in zip(counts.argmax(axis=1), clear, strict=True)]


def ferplus_marginals(csv_path: Path, usages: Collection[str]) -> Mapping[str, Mapping[str, float]]:
    """What FER+ says of parts of FER-2013 as wholes: {"ferplus": {label of fer2013: its share}}.

    An image counts for the label with most of its votes; where several share the first place, in equal parts
    for each. Shares are over what falls to one of the seven classes, so contempt, unknown and "no face"
    have none. This needs no row of the FER-2013 table and so goes with each of its forms.

    Args:
        csv_path: `fer2013new.csv`; {} where it is not there.
        usages: The parts, as the file's first column names them.

    Raises:
        DataError: The file is not FER+ as published.
    """
    if not csv_path.is_file():
        return {}
    parts, votes = _read(csv_path)
    votes = votes[np.isin(parts, list(usages))]
    first = (votes == votes.max(axis=1, keepdims=True)) & (votes > 0)
    seven = label_map("ferplus", "fer2013")
    counts = seven.scores(first / np.maximum(first.sum(axis=1, keepdims=True), 1)).sum(axis=0)
    if not counts.any():
        return {}
    return {"ferplus": dict(zip(seven.target.labels, (counts / counts.sum()).tolist(), strict=True))}


def _read(path: Path) -> tuple[list[str], NDArray[np.int64]]:
    """Usage (R,) and votes (R, 10) of all rows."""
    if not path.is_file():
        raise Unavailable(
            f"FER+ is not here: looked for {path}. "
            "Download fer2013new.csv from https://github.com/microsoft/FERPlus."
        )
    labels = label_space("ferplus").labels
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = csv.reader(file)
        if [cell.strip() for cell in header] != ["Usage", "Image name", *labels]:
            raise DataError(
                f"{path} does not have the columns of fer2013new.csv. Use the file as FER+ publishes it."
            )
        votes = np.array([row[2:] for row in rows], dtype=np.int64).reshape(len(rows), len(labels))
        return [row[0].strip() for row in rows], votes
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}). Check the file and its rights."
        ) from error
    except (ValueError, IndexError, csv.Error) as error:
        raise DataError(
            f"{path} is empty or holds a row without ten vote counts ({error}). Download it again."
        ) from error
