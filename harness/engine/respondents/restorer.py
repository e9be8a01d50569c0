"""Restorers: the store keeps the pixels that they made, with what each picture cost."""

from __future__ import annotations

import math
import sys
from time import perf_counter

import pyarrow as pa

from harness.engine.asked import Images
from harness.restoration import LoadedRestorer
from harness.restoration.frames import restored
from harness.store.pixels import row_of


def restored_rows(device: str, loaded: LoadedRestorer, images: Images) -> list[pa.Table]:
    """The rows of a batch, for the one respondent that a restorer is.

    Raises:
        ValueError: the restorer made more or fewer pictures than it was given.
    """
    start = perf_counter()
    made = restored(loaded, list(images.values()))
    cost = {
        "latency_s": (perf_counter() - start) / len(images),
        "peak_memory_mb": peak_memory_mb(device),
    }
    rows = [
        {"pixel_digest": digest, **row_of(stimulus), **cost}
        for digest, stimulus in zip(images, made, strict=True)
    ]
    return [pa.Table.from_pylist(rows)]


def peak_memory_mb(device: str) -> float:
    """The most memory held so far: on an accelerator by torch, else by the process; nan where unknown."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.max_memory_allocated(device) / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return math.nan
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
