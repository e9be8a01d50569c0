"""Cells that have no snapshot yet: they pass outside CI, and say what records them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from syrupy.location import PyTestLocation

from harness.pytest_plugin.options import given_options

if TYPE_CHECKING:
    from harness.predictions import Predictions


class NewSnapshot:
    """Stands for the snapshot that a test lacks, and equals whatever it is compared with; in CI it fails.

    Args:
        item: the test.
        keep: takes the cell, its metric table and the command that records it.
    """

    def __init__(self, item: pytest.Item, keep: Callable[[dict[str, str]], Any]) -> None:
        self.item, self.keep = item, keep

    def __eq__(self, predictions: Predictions) -> bool:  # type: ignore[override]
        from harness.reporting.metric_table import markdown_table, metric_table

        cell, command = str(predictions.cell), record_command(self.item)
        self.keep({"cell": cell, "command": command, "table": markdown_table(metric_table(predictions))})
        if os.environ.get("CI"):
            pytest.fail(new_line(cell, command), pytrace=False)
        return True

    __hash__ = None  # type: ignore[assignment]


def new_line(cell: str, command: str) -> str:
    """What is said of a cell without a snapshot."""
    return f"{cell} has no snapshot. Record it: {command}"


def lacks_snapshot(item: pytest.Item) -> bool:
    """Whether a test has no snapshot and this run writes none."""
    option = item.config.option
    writes = option.update_snapshots or getattr(option, "update_new_snapshots_only", False)
    return not writes and not snapshot_of(item).exists()


def snapshot_of(item: pytest.Item) -> Path:
    """The file of a test's snapshot."""
    from harness.pytest_plugin.snapshots import MetricSnapshot

    return Path(MetricSnapshot.get_location(test_location=PyTestLocation(item), index=0))


def record_command(item: pytest.Item) -> str:
    """The command that records one test's snapshot, from where this run was started."""
    assert item.parent is not None
    module = os.path.relpath(item.path, item.config.invocation_params.dir)
    inside = item.parent.nodeid.split("::")[1:]  # the item's own ends with its group under xdist
    test = "::".join([module, *inside, item.name])
    return shlex.join(["pytest", test, *given_options(item.config), "--snapshot-update"])
