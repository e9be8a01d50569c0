"""Fixtures of the training tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from harness.training import TrainingProgress


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Bit-identical results need a fixed number of threads, and the machine is shared."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def said(tmp_path: Path) -> Callable[[], str]:
    """Gives what `progress` printed so far."""
    return lambda: (tmp_path / "said.txt").read_text()


@pytest.fixture
def progress(tmp_path: Path) -> Iterator[TrainingProgress]:
    """Progress that writes plain lines into a file."""
    with (tmp_path / "said.txt").open("w", buffering=1) as file:
        yield TrainingProgress(Console(file=file, width=300))
