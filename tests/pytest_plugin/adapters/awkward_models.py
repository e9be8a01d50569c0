"""Models of third parties that work, but not without a word."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from logging_model import LoggingModel

from harness.tools.slow_paths import Kind, note


class WarningModel(LoggingModel):
    """Uses what will be gone in the next version of its package, wherever it can."""

    def __init__(self, **options: Any) -> None:
        warnings.warn("build is deprecated", FutureWarning, stacklevel=1)
        super().__init__(**options)

    def load(self, device: str, dtype: str) -> LoggingModel:
        warnings.warn("load is deprecated", DeprecationWarning, stacklevel=1)
        return super().load(device, dtype)

    def classify(self, images: list[np.ndarray]) -> np.ndarray:
        warnings.warn("classify is deprecated", FutureWarning, stacklevel=1)
        return super().classify(images)


class SlowModel(LoggingModel):
    """Goes a slow way of one kind or another."""

    def __init__(self, *, slow: Kind, **options: Any) -> None:
        super().__init__(**options)
        self.slow: Kind = slow

    def classify(self, images: list[np.ndarray]) -> np.ndarray:
        note("slow", "its <fast> path", self.slow, "it is tired", ValueError("too tired"))
        return super().classify(images)
