"""The tiny suite's models, for all tests of judging."""

import pytest


@pytest.fixture(autouse=True)
def _reader(reader):
    """The tiny suite can be run."""
