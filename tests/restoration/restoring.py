"""Data sets in memory, and runs that restore them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from evaluating import project
from tiny_suite import SUITE

from harness.datasets import Dataset, Sample
from harness.engine import Bench, Evidence, Local, Report, make_plan
from harness.errors import DataError
from harness.labels import LabelSpace
from harness.predictions import Cell
from harness.tasks import Choice

LABELS = ("angry", "happy", "sad")
SPACE = LabelSpace.of("tiny", LABELS)
TEXT = SUITE + '[restorations.shift]\nadapter = "tiny_restorers:Shift"\n'


def make_dataset(
    n: int = 10, *, copies: int = 0, unreadable: tuple[int, ...] = (), first: int = 0
) -> Dataset:
    """n images that say their label and number; the last `copies` are copies of the first ones."""

    def read(name: str) -> np.ndarray:
        number = int(name)
        if number in unreadable:
            raise DataError(f"{name}.png is truncated. Replace the file.")
        original = number - (n - copies) if number >= n - copies else number
        return np.array([[original % 3, original], [7, 7]], np.uint8)

    samples = tuple(Sample(f"{i:03d}", LABELS[i % 3]) for i in range(n))
    return Dataset("tiny", "test", Choice(SPACE), samples, read, relabelled=lambda: {"others": {"sad": 1.0}})


@dataclass(frozen=True)
class Run:
    """What a run left of some data sets, by their splits, and how its restorer went on."""

    evidence: Evidence
    done: list[tuple[int, int]]

    @property
    def report(self) -> Report:
        return self.evidence.report

    def of(self, split: str = "0") -> Dataset:
        """One of the data sets, restored; what kept it from being so is raised."""
        return self.evidence.samples(Cell("good", "tiny", split, "shift"))


def restored(
    folder: Path, *datasets: Dataset, store: Path | None = None, batch_size: int = 4, **options: Any
) -> Run:
    """A run of one restorer, which takes `options`, on some data sets; each is a new one."""
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items())
    suite, settings = project(folder, TEXT + lines, batch_size=batch_size)
    bench = Bench(suite, replace(settings, store=store or settings.store))
    bench.dataset = lambda name, split: datasets[int(split)]
    cells = [Cell("good", "tiny", str(split), "shift") for split in range(len(datasets))]
    steps: list[tuple[str, int, int]] = []
    report = Local(bench, progress=lambda *step: steps.append(step)).run(make_plan(bench, cells))
    return Run(Evidence(bench, report), [step[1:] for step in steps if step[0] == "shift"])
