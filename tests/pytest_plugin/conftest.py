"""Projects over one small set of shapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import shapes
from project import LABELS, Project


@pytest.fixture(scope="session")
def shapes_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with 150 + 50 shapes."""
    root = tmp_path_factory.mktemp("data")
    counts = {"test": (60, 30, 60), "val": (20, 10, 20)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            shapes, "COUNTS", {split: dict(zip(LABELS, n, strict=True)) for split, n in counts.items()}
        )
        shapes.write_shapes(root / "shapes")
    return root


@pytest.fixture
def make_project(tmp_path: Path, shapes_data: Path) -> Callable[..., Project]:
    """`make_project(*entries, ini=, conftest=)` writes a project into a folder of its own."""

    def make(*entries: str, **extra: str) -> Project:
        return Project.make(tmp_path, shapes_data, *entries, **extra)

    return make
