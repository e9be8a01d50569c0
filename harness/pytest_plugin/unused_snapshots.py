"""Snapshots of what the suite knows no more. No other one is ever unused: it may be of another profile."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.pytest_plugin.state import FILTERS, suite_of
from harness.suite import Filters, Suite

if TYPE_CHECKING:
    from harness.runs import Recorder

EXTENSION = "md"
# Options of pytest and syrupy that leave out tests, end a run early or ask not to look.
NARROWING = ("keyword", "markexpr", "deselect", "lf", "stepwise", "maxfail", "disable_unused_snapshots")


def hide_from_syrupy(config: pytest.Config) -> None:
    """Keeps metric snapshots out of syrupy's own search, and all where tests are collected and none is run.

    It knows the tests of one run and takes all other files for unused: those of other profiles, of cells that
    were not selected or skipped. It would offer to delete them, and do so with --snapshot-update.
    """
    ignored = getattr(config.option, "ignore_file_extensions", None) or ()
    config.option.ignore_file_extensions = sorted({*ignored, EXTENSION})
    if config.option.collectonly:
        config.option.disable_unused_snapshots = True


def settle_unused(session: pytest.Session, recorder: Recorder) -> list[str]:
    """Lines about unused snapshots; they fail a whole run, and --snapshot-update deletes them there."""
    if not _is_whole(session, recorder):
        return []
    option = session.config.option
    unused = unused_snapshots(recorder.snapshot_folders, suite_of(session.config))
    if option.update_snapshots and not getattr(option, "no_cleanup", False):
        for path in unused:
            path.unlink()
        return [f"unused snapshot, deleted: {path}" for path in unused]
    if unused and not option.warn_unused_snapshots:
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
    why = "the suite has no such cell. Delete it, or all of them with --snapshot-update."
    return [f"unused snapshot: {path}: {why}" for path in unused]


def _is_whole(session: pytest.Session, recorder: Recorder) -> bool:
    """Whether a run was of all that its project has by default, and came to its end with nothing left out."""
    config = session.config
    return not (
        config.stash[FILTERS] != Filters()
        or recorder.about["limit"] is not None
        or any(config.getoption(name) is not None for name in ("harness_suite", "harness_profile"))
        or any(getattr(config.option, name, None) for name in NARROWING)
        or any("::" in str(argument) for argument in config.args)
        or recorder.skipped
        or session.exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    )


def unused_snapshots(folders: Iterable[str], suite: Suite) -> list[Path]:
    """Files whose heading names a model, dataset, restoration or prompt that is no longer in the suite."""
    files = [path for folder in sorted(folders) for path in sorted(Path(folder).glob(f"*.{EXTENSION}"))]
    return [path for path in files if not _is_known(_heading(path), suite)]


def _heading(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().strip()


def _is_known(heading: str, suite: Suite) -> bool:
    mark, _, cell = heading.partition(" ")
    parts = cell.split("/")
    if mark != "#" or len(parts) not in (3, 4):
        return True  # nobody's business
    source, restoration, *prompt, model = parts
    return (
        source.partition(":")[0] in suite.datasets
        and restoration in suite.restoration_names
        and all(name in suite.prompts for name in prompt)
        and model in suite.models
    )
