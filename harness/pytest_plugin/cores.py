"""Cores, shared by workers that judge and given to the one that predicts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

THREADS = "OMP_NUM_THREADS"
SHARED = pytest.StashKey[bool]()


def share_cores(config: pytest.Config) -> None:
    """Gives each worker its part, unless the user has said how many threads there are to be.

    BLAS reads this when numpy is imported. A controller leaves it to its workers: they would inherit it.
    """
    controls = not hasattr(config, "workerinput") and bool(getattr(config.option, "tx", None))
    if THREADS not in os.environ and not controls:
        workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        os.environ[THREADS] = str(max(1, (os.cpu_count() or 1) // workers))
        config.stash[SHARED] = True


@contextmanager
def all_cores(config: pytest.Config) -> Iterator[None]:
    """Within, torch takes all cores when it is imported: one worker predicts, and the others wait for it."""
    if SHARED not in config.stash:
        yield
        return
    part = os.environ[THREADS]
    os.environ[THREADS] = str(os.cpu_count() or 1)
    try:
        yield
    finally:
        os.environ[THREADS] = part
