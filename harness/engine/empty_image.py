"""An image without content, which shows what a model answers to the question alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.datasets import Dataset


def empty_image(dataset: Dataset) -> Dataset:
    """One uniform grey image of the size of the first of a dataset that can be read."""
    readable = (index for index, digest in enumerate(dataset.digests) if digest is not None)
    shape = dataset.pixels(first).shape if (first := next(readable, None)) is not None else (224, 224)
    grey = np.full(shape, 128, np.uint8)
    sample = replace(dataset.samples[0], id="grey", group=None)
    return Dataset(dataset.name, "grey", dataset.task, (sample,), lambda sample_id: grey.copy())
