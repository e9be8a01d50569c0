"""What the hooks of one process share: the suite, the evaluation, the run folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest

from harness.errors import HarnessError
from harness.pytest_plugin.choices import check_baseline, filters_of, reports_folder, settings_of, suite_path
from harness.pytest_plugin.options import setting
from harness.pytest_plugin.progress import Notice, Progress
from harness.runs import new_run_folder
from harness.suite import ClaimCell, Filters, Profile, Suite, check_splits, select
from harness.tools.adapters import import_from

if TYPE_CHECKING:
    from harness.judging import Evaluation
    from harness.predictions import Cell
    from harness.reporting.metric_table import Measures
    from harness.settings import Settings

SUITE = pytest.StashKey[Suite]()
PROFILE = pytest.StashKey[Profile]()
FILTERS = pytest.StashKey[Filters]()
EVALUATION = pytest.StashKey["Evaluation"]()
RUN = pytest.StashKey[Path]()
NO_REPORTS = pytest.StashKey[str]()
# What the processes of a run share while it lasts, in the run folder.
SHARED = "shared"
NOTICE = "notice.txt"


def suite_of(config: pytest.Config) -> Suite:
    """The suite of a run, read once, with what the run selects of it.

    Raises:
        pytest.UsageError: the suite is wrong, or a filter fits nothing of it.
    """
    if SUITE not in config.stash:
        try:
            suite = Suite.read(suite_path(config))
            import_from(suite.path.parent, suite.path.parent.parent)  # a project may have its own adapters
            selected = select(suite, str(setting(config, "profile")), filters_of(config))
        except HarnessError as error:
            raise pytest.UsageError(str(error)) from error
        config.stash[SUITE], (config.stash[PROFILE], config.stash[FILTERS]) = suite, selected
    return config.stash[SUITE]


def settings_of_run(config: pytest.Config) -> Settings:
    """How this run computes.

    Raises:
        pytest.UsageError: an option has an impossible value.
    """
    suite = suite_of(config)
    return settings_of(config, config.stash[PROFILE], suite)


def check_options(config: pytest.Config) -> None:
    """Ends a run that was asked for wrongly before anything is collected, with workers and without.

    Raises:
        pytest.UsageError: an option is impossible, or selects nothing.
    """
    suite = suite_of(config)
    settings = settings_of_run(config)
    check_baseline(config)
    try:
        check_splits(suite, config.stash[FILTERS], settings.data_root)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


def start(config: pytest.Config, cells: Iterable[Cell], claims: Iterable[ClaimCell]) -> Evaluation:
    """Begins the evaluation of what this run has selected; all its workers select the same."""
    from harness.judging import Evaluation

    shared = run_of(config) / SHARED if _has_workers(config) else None
    config.stash[EVALUATION] = Evaluation(
        suite_of(config),
        settings_of_run(config),
        str(setting(config, "profile")),
        cells,
        claims,
        folder=shared,
        processes=int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
        progress=Progress(_line_writer(config) if shared is None else Notice(shared / NOTICE).write),
    )
    return config.stash[EVALUATION]


def evaluation_of(config: pytest.Config) -> Evaluation:
    """The evaluation that this process takes part in; a controller selects nothing and reads all."""
    return config.stash[EVALUATION] if EVALUATION in config.stash else start(config, (), ())


def limit_of(config: pytest.Config) -> int | None:
    """How many samples of each split are asked at most."""
    return settings_of_run(config).limit


def measure_of(config: pytest.Config) -> Measures:
    """Gives the metric table of predictions, from the store where it is known."""
    from harness.reporting.metric_table import Measures

    return Measures(evaluation_of(config).results, suite_of(config).metrics)


def follow_workers(config: pytest.Config, until: Event) -> None:
    """Shows in the controller how far the worker is that predicts for all."""
    if _has_workers(config):
        Notice(run_of(config) / SHARED / NOTICE).follow(_line_writer(config), until)


def _line_writer(config: pytest.Config) -> Callable[[str], object]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return (lambda line: None) if reporter is None else reporter.write_line


def _has_workers(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput") or bool(getattr(config.option, "tx", None))


def run_of(config: pytest.Config) -> Path:
    """The run folder; workers get it from the controller.

    Where the folder of reports cannot be written it is a temporary one, and `NO_REPORTS` says why: what a run
    costs is not spent for nothing.
    """
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        return Path(worker["harness_run"])
    if RUN not in config.stash:
        reports = reports_folder(config)
        try:
            config.stash[RUN] = new_run_folder(reports)
        except OSError as error:
            config.stash[RUN] = new_run_folder(Path(tempfile.mkdtemp(prefix="harness-")))
            config.stash[NO_REPORTS] = f"The folder {reports} cannot be written ({error.strerror or error})"
    return config.stash[RUN]
