"""How and where a run computes."""

import pytest

from harness.errors import UsageError
from harness.settings import Settings, pick_device
from harness.tools.paths import default_data_root, default_store


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"alpha": 0.0}, "--alpha to be between 0 and 1, but got 0.0"),
        ({"alpha": 1.0}, "--alpha"),
        ({"batch_size": 0}, "--batch-size and --limit to be at least 1"),
        ({"limit": 0}, "--batch-size and --limit"),
    ],
)
def test_impossible_values_are_refused(tmp_path, values, message):
    with pytest.raises(UsageError, match=message):
        Settings(data_root=tmp_path, store=tmp_path, **values)


def test_places_come_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "d"))
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path / "s"))
    assert (default_data_root(), default_store()) == (tmp_path / "d", tmp_path / "s")
    monkeypatch.delenv("HARNESS_DATA")
    monkeypatch.setenv("HARNESS_STORE", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_data_root() == tmp_path / ".cache/emotion-harness/data"
    assert default_store() == tmp_path / ".cache/emotion-harness/store"


def test_a_device_that_is_named_is_taken_and_auto_finds_one():
    assert pick_device("cuda:1") == "cuda:1"
    assert pick_device("auto") in ("cpu", "cuda", "mps")
