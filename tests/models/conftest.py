"""A tiny checkpoint of a real timm architecture, and a server that can break in every way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_server import FaultServer
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


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """A server to plan faults for; whoever asks it again does so at once."""
    from harness.models.endpoint import calls

    monkeypatch.setattr(calls, "FIRST_PAUSE", 0.001)
    with FaultServer() as server:
        yield server
