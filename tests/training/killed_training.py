"""Run as a script: trains as the test does, and announces epoch 3 in its midst, then waits to be ended."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from rich.console import Console
from tiny_training import resumable, splits

from harness.training import TrainingProgress, train


class Waiting(TrainingProgress):
    """Stops for ever in the third epoch."""

    def batch(self, done: int, loss: float) -> None:
        super().batch(done, loss)
        if self._done == 2:
            print("in epoch 3", flush=True)
            time.sleep(600)


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(resumable(), *splits(), Path(sys.argv[1]), progress=Waiting(Console(stderr=True, width=300)))
