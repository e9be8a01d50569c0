"""What the hooks of one process share: the suite, the harness session, the run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.errors import HarnessError
from harness.options import filters_of, reports_folder, setting, settings_of, suite_path
from harness.recorder import new_run_folder
from harness.suite import Filters, Profile, Suite, check_splits, select

if TYPE_CHECKING:
    from harness.session import Session

SUITE = pytest.StashKey[Suite]()
PROFILE = pytest.StashKey[Profile]()
FILTERS = pytest.StashKey[Filters]()
SESSION = pytest.StashKey["Session"]()
RUN = pytest.StashKey[Path]()


def suite_of(config: pytest.Config) -> Suite:
    """The suite of a run, read once, with what the run selects of it.

    Raises:
        pytest.UsageError: the suite is wrong, or a filter fits nothing of it.
    """
    if SUITE not in config.stash:
        try:
            suite = Suite.read(suite_path(config))
            selected = select(suite, str(setting(config, "profile")), filters_of(config))
        except HarnessError as error:
            raise pytest.UsageError(str(error)) from error
        config.stash[SUITE], (config.stash[PROFILE], config.stash[FILTERS]) = suite, selected
    return config.stash[SUITE]


def check_options(config: pytest.Config) -> None:
    """Ends a run that was asked for wrongly before anything is collected, with workers and without.

    Raises:
        pytest.UsageError: an option is impossible, or selects nothing.
    """
    suite = suite_of(config)
    settings = settings_of(config, config.stash[PROFILE], suite)
    try:
        check_splits(suite, config.stash[FILTERS], settings.data_root)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from error


def session_of(config: pytest.Config) -> Session:
    """The harness session of this process."""
    from harness.predictor import Predictor
    from harness.session import Session

    if SESSION not in config.stash:
        suite = suite_of(config)
        settings = settings_of(config, config.stash[PROFILE], suite)
        run = str(run_of(config)) if _has_workers(config) else ""
        config.stash[SESSION] = Session(Predictor(suite, settings, run=run))
    return config.stash[SESSION]


def _has_workers(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput") or bool(getattr(config.option, "tx", None))


def run_of(config: pytest.Config) -> Path:
    """The run folder; workers get it from the controller."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        return Path(worker["harness_run"])
    if RUN not in config.stash:
        config.stash[RUN] = new_run_folder(reports_folder(config))
    return config.stash[RUN]
