"""A model of a third party, found by its entry point: it logs each time it is loaded or asked."""

from __future__ import annotations

import hashlib
import os
import time

import numpy as np

from harness.identity import Identity
from harness.models import Context


class LoggingModel:
    """Answers by a digest of weights and pixels: at random, but always the same.

    Args:
        context: finds the folder of the suite, where `models.log` is written.
        weights: other weights give other answers.
        capability: which role it can play.
        seconds: how long it thinks about a batch.
        breaks: on which share of the images, one in `breaks`, it raises.
    """

    labels = ("disc", "square", "triangle")

    def __init__(
        self,
        *,
        context: Context,
        weights: str,
        capability: str = "classifier",
        seconds: float = 0.0,
        breaks: int = 0,
    ) -> None:
        self.log = context.suite_folder / "models.log"
        self.weights, self.capability, self.seconds, self.breaks = weights, capability, seconds, breaks

    def identity(self, device: str, dtype: str) -> Identity:
        return Identity(model="logging", weights=self.weights, labels=self.labels, dtype=dtype, device=device)

    def load(self, device: str, dtype: str) -> LoggingModel:
        self._write(f"load {self.weights} with {os.environ.get('OMP_NUM_THREADS')} threads")
        return self

    def classify(self, images: list[np.ndarray]) -> np.ndarray:
        self._write(f"ask {self.weights} {len(images)}")
        time.sleep(self.seconds)
        scores = np.full((len(images), len(self.labels)), 0.25, np.float32)
        for row, image in enumerate(images):
            digest = hashlib.sha256(self.weights.encode() + image.tobytes()).digest()
            if self.breaks and digest[1] % self.breaks == 0:
                raise ValueError("this image is too much for me")
            scores[row, digest[0] % len(self.labels)] = 0.5
        return scores

    def _write(self, line: str) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
