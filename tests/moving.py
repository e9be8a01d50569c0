"""Clips of a dot that moves left or right, which no single frame tells, and who sees and restores them."""

from __future__ import annotations

import numpy as np

from harness.datasets import Dataset, Sample
from harness.identity import Identity
from harness.labels import LabelSpace
from harness.stimuli import Clip
from harness.tasks import Choice

LABELS = ("left", "right")
SUITE = """
[profiles.default]
datasets = ["moving:test"]
restorations = ["none", "mirror"]

[datasets.moving]
adapter = "moving:clips"

[models.watcher]
adapter = "moving:Watcher"
takes = "frames"

[models.still]
adapter = "moving:Watcher"
takes = "image"

[restorations.mirror]
adapter = "moving:Mirror"
"""


def clip(number: int) -> Clip:
    """Four frames of 3 x 8 pixels: odd numbers move right."""
    frames = np.full((4, 3, 8, 1), number, np.uint8)
    for time in range(4):
        frames[time, 1, 2 + time if number % 2 else 5 - time] = 255
    return Clip(frames, fps=12.5)


def clips(root, split, *, name) -> Dataset:
    samples = tuple(Sample(str(number), LABELS[number % 2]) for number in range(10))
    task = Choice(LabelSpace.of(name, LABELS))
    return Dataset(name, split, task, samples, lambda sample: clip(int(sample)), medium="clip")


class Watcher:
    """Compares where the dot is in the first and the last frame."""

    capability = "classifier"
    labels = LABELS

    def __init__(self, *, context, takes):
        self.takes = takes

    def identity(self, device, dtype):
        return Identity(model="test:watcher", weights="", labels=self.labels, device=device, dtype=dtype)

    def load(self, device, dtype):
        return self

    def classify(self, stimuli):
        shapes = {frames.shape for frames in stimuli}
        assert shapes == {(4, 3, 8, 1)}, shapes
        columns = [frames[:, 1, :, 0].argmax(axis=1) for frames in stimuli]
        moved = np.array([after[-1] > after[0] for after in columns])
        return np.eye(2, dtype=np.float32)[moved.astype(int)]


class Mirror:
    """Turns each picture round, one at a time."""

    batch_size = 3

    def __init__(self, *, context):
        pass

    def identity(self, device):
        return Identity(model="test:mirror", weights="", device=device)

    def load(self, device):
        return self

    def restore(self, images):
        assert {image.shape for image in images} == {(3, 8)}
        assert len(images) <= self.batch_size
        return [np.ascontiguousarray(image[:, ::-1]) for image in images]
