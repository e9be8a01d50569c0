"""A tiny checkpoint of a real timm architecture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_models import CARD, save_checkpoint

from harness.models import Context


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """The machine is shared, and networks this small gain nothing from threads."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `net.safetensors` and its card `net.json`."""
    save_checkpoint(tmp_path / "net.safetensors", CARD)
    return tmp_path


@pytest.fixture
def context(folder: Path) -> Context:
    return Context(data_root=folder / "data", suite_folder=folder)
