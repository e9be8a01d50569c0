"""A suite in miniature: images that say their label, and models that read it with planted mistakes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from harness.errors import ModelError
from harness.identity import Identity
from harness.models import Context

LABELS = ("angry", "happy", "sad")

SUITE = """
[profiles.default]
datasets = ["tiny:test"]

[datasets.tiny]
adapter = "images"
space = ["angry", "happy", "sad"]

[models.good]
adapter = "reader"
every = 10

[models.middling]
adapter = "reader"
every = 3

[models.outside]
adapter = "predictions_csv"
path = "outside.csv"
family = "vlm"

[claims.cnn_beats_vlm]
"""

# A contrastive model whose weights are nowhere.
NO_CLIP = """
[models.clip]
adapter = "open_clip"
model = "ViT-B-32"
pretrained = "absent.safetensors"
like = "openai"
"""


class Reader:
    """A classifier that reads the label off the first pixel, wrongly for every so many-th image.

    Args:
        every: every how many-th image (by its serial number) is answered with the next label; 0 for none.
        labels: the order of labels that its "card" believes; its outputs are in the order of `LABELS`.
        fails: raises on loading, as a corrupt checkpoint does.
    """

    capability = "classifier"
    loads: ClassVar[Counter[str]] = Counter()
    images: ClassVar[Counter[str]] = Counter()

    def __init__(
        self,
        *,
        context: Context,
        every: int = 0,
        labels: Sequence[str] = LABELS,
        trained_on: str | None = None,
        correct: Mapping[str, Sequence[int]] | None = None,
        fails: bool = False,
    ) -> None:
        del context
        self.every, self.labels, self.trained_on, self.fails = every, tuple(labels), trained_on, fails
        self.correct = {source: (k, n) for source, (k, n) in (correct or {}).items()}

    def identity(self, device: str, dtype: str) -> Identity:
        return Identity(
            model="test:reader", weights=str(self.every), labels=self.labels, dtype=dtype, device=device
        )

    def load(self, device: str, dtype: str) -> Reader:
        self.loads[str(self.every)] += 1
        if self.fails:
            raise ModelError("The checkpoint reader.safetensors is corrupt. Fetch or train it again.")
        return self

    def classify(self, images: Sequence[np.ndarray]) -> np.ndarray:
        self.images[str(self.every)] += len(images)
        right = np.array([image[0, 0] for image in images])
        serial = np.array([image[0, 1] for image in images])
        answers = (right + (serial % self.every == 0 if self.every else 0)) % 3
        return np.eye(3, dtype=np.float32)[answers] * 0.8 + np.float32(0.2 / 3)


class Stalling(Reader):
    """A reader that answers three batches and then waits to be stopped."""

    batches = 0

    def classify(self, images: Sequence[np.ndarray]) -> np.ndarray:
        self.batches += 1
        if self.batches > 3:
            time.sleep(600)
        return super().classify(images)


def picture(label: int, serial: int) -> Image.Image:
    """An image whose first pixels say its label and its number."""
    pixels = np.zeros((4, 4), np.uint8)
    pixels[0, :2] = label, serial
    return Image.fromarray(pixels)


def write_images(folder: Path, split: str, serials: Sequence[int]) -> None:
    """Writes `<split>/<label>/<serial>.png`, labels in turn."""
    for serial in serials:
        path = folder / split / LABELS[serial % 3] / f"{serial:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(serial % 3, serial).save(path)


def sample_id(split: str, serial: int) -> str:
    return f"{split}/{LABELS[serial % 3]}/{serial:03d}.png"


def write_answers(path: Path, split: str, serials: Sequence[int], every: int) -> None:
    """A predictions CSV that is wrong for every so many-th image."""
    rows = [f"{sample_id(split, i)},{LABELS[(i + (i % every == 0)) % 3]}" for i in serials]
    path.write_text("\n".join(["sample_id,label", *rows]) + "\n")


def write_plugin(folder: Path) -> None:
    """A distribution, as far as the interpreter can tell, that brings the adapter `stalling`."""
    about = folder / "stalling-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stalling\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[emotion_harness.models]\nstalling = tiny_suite:Stalling\n")


def write_suite(folder: Path, text: str = SUITE, **more: Any) -> Path:
    """Writes suite.toml with data of 90 test images, 30 training images and the answers of `outside`."""
    data = folder / "data"
    write_images(data / "tiny", "test", range(90))
    write_images(data / "tiny", "train", range(90, 120))
    write_answers(folder / "outside.csv", "test", range(90), every=2)
    for name, content in more.items():
        (folder / name).write_text(content)
    (folder / "suite.toml").write_text(text)
    return folder / "suite.toml"
