"""What several tests of the specimens share."""

from __future__ import annotations

import pytest
from specimen_sample import TINY, OneByOne

from fixtures.specimens import dataset, people
from fixtures.specimens.people import plan


@pytest.fixture
def tiny_splits(monkeypatch):
    """A handful of pictures in every split."""
    for split, size in TINY.items():
        monkeypatch.setitem(people.SPLITS, split, size)
    monkeypatch.setattr(dataset, "pictures", OneByOne)
    plan.cache_clear()
    yield
    plan.cache_clear()
