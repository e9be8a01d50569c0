"""From an entry of the suite to a data set, through the adapter that the entry names."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.tools.adapters import Adapters, find_adapter

from .dataset import MAX_MISSING, Dataset

ENTRY_POINTS = "emotion_harness.datasets"
_ADAPTERS = {"fer2013": "harness.datasets.fer2013:load", "images": "harness.datasets.images:load"}
DATASETS = Adapters(_ADAPTERS, ENTRY_POINTS, given=("name",), before=2, shared={"max_missing": float})

Adapter = Callable[..., Dataset]


def load_dataset(entry: Mapping[str, Any], name: str, split: str, data_root: Path) -> Dataset:
    """One split of the data set that `entry` describes.

    Args:
        entry: Options of the adapter, and `adapter`: its name (default: `name`). `max_missing` goes with all
            adapters: the share of images that may be missing or unreadable, 0.01 by default.
        name: What the suite calls the data set.
        split: The split wanted.
        data_root: The folder that relative paths start from.

    Returns:
        What the adapter gives for `adapter(data_root, split, name=name, **options)`.

    Raises:
        UsageError: The adapter, the split or an option is unknown, or an option is missing or wrong.
        Unavailable: The data is not there; the message says where it was looked for and how to get it.
        DataError: Nothing of the data can be used, or more of it is missing than may be.
    """
    share = max_missing(entry, name)
    adapter: Adapter = find_adapter(entry.get("adapter", name), f"Dataset {name}", _ADAPTERS, ENTRY_POINTS)
    options = DATASETS.check(adapter, entry, f"Dataset {name}")
    return adapter(data_root, split, name=name, **options).allowing(share)


def max_missing(entry: Mapping[str, Any], name: str) -> float:
    """The share of images that may be missing or unreadable, by the entry of a data set.

    Raises:
        UsageError: It is no share.
    """
    given = entry.get("max_missing", MAX_MISSING)
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 <= given <= 1:
        raise UsageError(f"Expected `max_missing` of dataset {name} to be from 0 to 1, but got {given!r}.")
    return float(given)
