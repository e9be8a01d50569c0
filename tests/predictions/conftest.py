"""A store in a temporary folder and the identity of the counting classifier."""

import pytest
from counting import LABELS

from harness.identity import Identity
from harness.store.answers import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def identity():
    return Identity(model="test:counting", weights="w1", labels=LABELS)
