"""Restorers and models that have done nothing yet, and runs of them."""

from functools import partial

import pytest
from restoring import restored
from tiny_restorers import Shift


@pytest.fixture(autouse=True)
def _fresh(reader, monkeypatch):
    for name in ("loads", "shown"):
        monkeypatch.setattr(Shift, name, type(Shift.loads)())


@pytest.fixture
def run(tmp_path):
    """A run of one restorer on some data sets; each call is a new one."""
    return partial(restored, tmp_path)
