"""Many cells in one process, from plan to predictions: what it holds in memory and keeps open in the end."""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _shared import print_line
from PIL import Image

from harness.identity import Identity
from harness.judging import Evaluation
from harness.models import Context
from harness.models.registry import ADAPTERS
from harness.predictions import Cell
from harness.settings import Settings
from harness.suite import Suite

MODELS, SPLITS, RESTORATIONS, IMAGES = 20, 8, ("none", "nearest-96", "bicubic-96"), 60
TARGETS = {"cells_min": 480, "memory_mb": 700, "open_files": 20}
LABELS = ("angry", "happy", "sad")


class Coin:
    """A classifier that answers by the first pixel and its own number."""

    kind, labels, trained_on = "classifier", LABELS, None

    def __init__(self, *, context: Context, number: int) -> None:
        self.number, self.correct = number, {}

    def identity(self, device: str, dtype: str) -> Identity:
        """See `RunnableModel`."""
        return Identity(model="coin", weights=str(self.number), labels=self.labels)

    def load(self, device: str, dtype: str) -> "Coin":
        """Itself."""
        return self

    def classify(self, images: list[np.ndarray]) -> np.ndarray:
        """Probabilities (N, 3)."""
        answers = [(int(image.flat[0]) + self.number) % 3 for image in images]
        return np.eye(3, dtype=np.float32)[answers]


def write(folder: Path) -> Suite:
    """A suite and its pictures."""
    rng = np.random.default_rng(0)
    for split in range(SPLITS):
        for number in range(IMAGES):
            path = folder / "data/noise" / f"split{split}" / LABELS[number % 3] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (48, 48), np.uint8)).save(path)
    tables = [
        "[datasets.noise]\nadapter = 'images'\nspace = ['angry', 'happy', 'sad']",
        *(f"[models.coin-{i}]\nadapter = 'coin'\nnumber = {i}" for i in range(MODELS)),
        *(
            f"[restorations.{name}]\nadapter = '{name.partition('-')[0]}'\nsize = 96"
            for name in RESTORATIONS[1:]
        ),
    ]
    (folder / "suite.toml").write_text("\n".join(tables))
    return Suite.read(folder / "suite.toml")


def main() -> int:
    ADAPTERS["coin"] = f"{__name__}:Coin"
    cells = [
        Cell(f"coin-{model}", "noise", f"split{split}", restoration)
        for model in range(MODELS)
        for split in range(SPLITS)
        for restoration in RESTORATIONS
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(data_root=folder / "data", store=folder / "store", device="cpu")
        evaluation = Evaluation(write(folder), settings, "", cells)
        started = time.perf_counter()
        done = [evaluation.evidence.predictions(cell) for cell in cells]
        seconds = time.perf_counter() - started
    unit = 1e6 if sys.platform == "darwin" else 1e3
    figures = {
        "cells": len(done),
        "cells_min": len(done),
        "seconds": seconds,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit,
        "open_files": len(os.listdir("/proc/self/fd" if Path("/proc/self/fd").exists() else "/dev/fd")),
    }
    print_line("soak", figures, TARGETS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
