"""Looks at every file of a data set: what is there, in which form, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import DataError, HarnessError

from .dataset import Dataset
from .overlap import exact_overlap
from .registry import load_dataset, max_missing


@dataclass(frozen=True)
class Checkup:
    """What one split holds.

    Attributes:
        source: `dataset:split`.
        error: Why evals cannot use it, with the fix; "" where they can.
        images: The images that can be read.
        labels: Label -> how many of them have it.
        forms: Form, such as `48 x 48 grey` -> how many of them have it, the most frequent first.
        copies: How many of them are pixel for pixel like one before them.
        shared: Another split -> how many of them are pixel for pixel in it, too.
        unreadable: Id of each image that cannot be read -> why.
        problems: What is wrong, one line each.
    """

    source: str
    error: str = ""
    images: int = 0
    labels: Mapping[str, int] = field(default_factory=dict)
    forms: Mapping[str, int] = field(default_factory=dict)
    copies: int = 0
    shared: Mapping[str, int] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"ok": not self.error, **asdict(self)}


def check(entries: Mapping[str, Mapping[str, Any]], data_root: Path) -> list[Checkup]:
    """Decodes all images of some splits and looks for copies among them.

    Args:
        entries: `dataset:split` -> the suite's entry of the dataset.
        data_root: The folder that relative paths start from.
    """
    found = {source: _read(source, entry, data_root) for source, entry in entries.items()}
    readable = {source: dataset for source, dataset in found.items() if isinstance(dataset, Dataset)}
    return [
        _checkup(dataset, readable, max_missing(entries[source], source))
        if isinstance(dataset, Dataset)
        else Checkup(source, str(dataset))
        for source, dataset in found.items()
    ]


def _read(source: str, entry: Mapping[str, Any], data_root: Path) -> Dataset | HarnessError:
    """The split however much of it is missing, as all of that is to be told."""
    name, _, split = source.partition(":")
    try:
        max_missing(entry, name)
        return load_dataset({**entry, "max_missing": 1}, name, split, data_root).readable()
    except HarnessError as error:
        return error


def _checkup(dataset: Dataset, every: Mapping[str, Dataset], allowed: float) -> Checkup:
    others = {source: other for source, other in every.items() if source != str(dataset)}
    shared = {source: int(exact_overlap(dataset, other).sum()) for source, other in others.items()}
    counts = Counter(sample.label for sample in dataset.samples)
    try:
        dataset.allowing(allowed)
        error = ""
    except DataError as too_many:
        error = str(too_many)
    return Checkup(
        str(dataset),
        error,
        images=len(dataset),
        labels={label: counts[label] for label in dataset.space.labels},
        forms=dict(Counter(map(_form, map(dataset.shape, range(len(dataset))))).most_common()),
        copies=len(dataset) - len(set(dataset.digests)),
        shared={source: count for source, count in shared.items() if count},
        unreadable=dataset.unreadable,
        problems=dataset.problems,
    )


def _form(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]} {'grey' if len(shape) == 2 else 'RGB'}"
