"""Tiny data sets in the layouts of the real ones."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_sets import LABELS, encoded, face, write_zip

Row = tuple[int | str, NDArray[np.uint8] | str, str]


@pytest.fixture(scope="session")
def fer_files() -> dict[str, bytes]:
    """FER-2013 as Kaggle packs it, in small: per class 4 training, 2 public and 3 private images.

    The stem `Training_7` stands for an image of two classes, as two stems of the real set do.
    """
    files: dict[str, bytes] = {}
    for number, label in enumerate(LABELS):
        for usage, count in (("Training", 4), ("PublicTest", 2), ("PrivateTest", 3)):
            folder = "train" if usage == "Training" else "test"
            for i in range(count):
                seed = 1000 * number + 10 * i + len(usage)
                files[f"{folder}/{label}/{usage}_{seed}.jpg"] = encoded(face(seed), "jpeg")
    for label in ("angry", "sad"):
        files[f"train/{label}/Training_7.jpg"] = encoded(face(len(label)), "jpeg")
    return files


@pytest.fixture
def fer_root(tmp_path: Path, fer_files: dict[str, bytes]) -> Path:
    """A data root with the small FER-2013 as a zip."""
    write_zip(tmp_path / "fer2013.zip", fer_files)
    return tmp_path


@pytest.fixture
def write_csv() -> Callable[[Path, Iterable[Row]], Path]:
    """Writes rows (emotion, pixels, usage) as `fer2013.csv` or, by its name, as `icml_face_data.csv`."""

    def write(path: Path, rows: Iterable[Row]) -> Path:
        icml = path.name == "icml_face_data.csv"
        lines = ["emotion, Usage, pixels" if icml else "emotion,pixels,Usage"]
        for emotion, pixels, usage in rows:
            text = pixels if isinstance(pixels, str) else " ".join(map(str, pixels.ravel()))
            lines.append(f"{emotion},{usage},{text}" if icml else f"{emotion},{text},{usage}")
        path.write_text("\n".join(lines) + "\n")
        return path

    return write
