"""Tiny trainings: shapes that a network of 0.4 M parameters tells apart within seconds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.datasets import Dataset, Sample
from harness.errors import DataError
from harness.labels import LabelSpace
from harness.tasks import Choice
from harness.training import Recipe

SPACE = LabelSpace.of("shapes", ("bar", "disc", "cross"))
SIZE = 24

Read = Callable[[str], NDArray[np.uint8]]


def shape(sample_id: str) -> NDArray[np.uint8]:
    """A noisy grey image of the shape that the id begins with, e.g. `disc/train/3`."""
    label, _, rest = sample_id.partition("/")
    rng = np.random.default_rng(list(rest.encode()))
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    y, x = y - rng.uniform(-2, 2), x - rng.uniform(-2, 2)
    inside = {
        "bar": np.abs(y) < 3,
        "disc": y**2 + x**2 < 50,
        "cross": (np.abs(y - x) < 3) | (np.abs(y + x) < 3),
    }[label]
    return np.clip(60 + 120 * inside + rng.normal(0, 20, inside.shape), 0, 255).astype(np.uint8)


def shapes(split: str, n: int, read: Read = shape, space: LabelSpace = SPACE) -> Dataset:
    """A data set of n shapes, all labels in turn."""
    labels = [space.labels[i % len(space.labels)] for i in range(n)]
    samples = tuple(Sample(f"{label}/{split}/{i}", label) for i, label in enumerate(labels))
    return Dataset(name="shapes", split=split, task=Choice(space), samples=samples, read=read, max_missing=1)


def broken(*bad: str) -> Read:
    """Reads shapes, except the named ones."""

    def read(sample_id: str) -> NDArray[np.uint8]:
        if sample_id in bad:
            raise DataError(f"{sample_id}.png is cut short. Fetch it again.", reason="is cut short")
        return shape(sample_id)

    return read


def tiny(**changes: object) -> Recipe:
    """A recipe of a second or two: test_resnet on 24 px."""
    values: dict[str, object] = {"epochs": 3, "batch_size": 32, "lr": 3e-3, "device": "cpu", **changes}
    return Recipe(architecture="test_resnet", **values)  # type: ignore[arg-type]


def resumable() -> Recipe:
    """Everything random at once: order, augmentation and dropout."""
    return tiny(epochs=4, batch_size=12, drop_rate=0.3, optimizer="adamw", weight_decay=0.01)


def splits() -> tuple[Dataset, Dataset, list[Dataset]]:
    """Training, selection and report splits of a run that is stopped and resumed."""
    return shapes("train", 120), shapes("public", 30), [shapes("private", 30)]
