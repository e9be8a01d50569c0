"""Specimens drawn one by one: a test of some pictures need not wait for a whole split."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fixtures.specimens import dataset, people
from fixtures.specimens.degrade import FER_SIZE, Degradation, degrade
from fixtures.specimens.drawn import SIZE
from fixtures.specimens.people import Specimen, specimen
from fixtures.specimens.trainers.figures import FIRST
from harness.datasets import Dataset

CHECKPOINTS = Path(people.__file__).parent / "checkpoints"
TINY = {"train": (16, 4), "val": (8, 2), "test": (8, 2)}


class OneByOne:
    """Stands for `pictures(split, look)`."""

    def __init__(self, split: str, look: str, size: int | None) -> None:
        assert size is None
        self.split, self.look = split, look

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        one = specimen(self.split, number)
        face = drawn(one)
        return face if self.look == "clean" else degrade(face, one.seed, Degradation(size=FER_SIZE))


@lru_cache(maxsize=512)
def drawn(one: Specimen) -> NDArray[np.uint8]:
    return one.draw(SIZE)


def load(root: Path, split: str, *, name: str, look: str) -> Dataset:
    """The first pictures of a split: an adapter for suites."""
    whole = dataset.load(root, split, name=name, look=look)
    numbers = {sample.id: number for number, sample in enumerate(whole.samples)}
    source = OneByOne(split, look, None)
    return replace(whole, samples=whole.samples[:FIRST], read=lambda key: np.array(source[numbers[key]]))
