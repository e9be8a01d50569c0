"""What tests of all parts share."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A loaded machine is slow, not wrong. CI tries the same examples each time; new ones are found at the desk.
settings.register_profile("harness", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("harness")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The data root with the real FER-2013; skips where it is absent."""
    root = Path(os.environ.get("HARNESS_DATA", "")).absolute()
    if not os.environ.get("HARNESS_DATA") or not (root / "fer2013.zip").is_file():
        pytest.skip("the real FER-2013 is not here: point HARNESS_DATA at the folder that holds fer2013.zip")
    return root
