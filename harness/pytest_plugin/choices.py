"""What the options of a run come to: its suite, filters, settings and baseline."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import UsageError
from harness.pytest_plugin.options import REPEATED, given, place, setting, written
from harness.runs import is_run, run_names
from harness.suite import Filters, Profile, Suite
from harness.tools.nearest import nearest
from harness.tools.paths import SUITE, default_data_root, default_store

if TYPE_CHECKING:
    from harness.settings import Settings


def suite_path(config: pytest.Config) -> Path:
    """The suite of a run."""
    return place(config, "suite", config.rootpath / SUITE)


def reports_folder(config: pytest.Config) -> Path:
    """Where the folder of a run is made."""
    return place(config, "reports", config.rootpath / "reports")


def filters_of(config: pytest.Config) -> Filters:
    """The names and globs of the command line, or those of the ini file.

    Raises:
        pytest.UsageError: an ini value opens a quotation and does not close it.
    """
    try:
        return Filters(
            **{name: tuple(given(config, name) or shlex.split(written(config, name))) for name, _ in REPEATED}
        )
    except ValueError as error:
        raise pytest.UsageError(f"The ini key model, dataset, restoration or prompt: {error}.") from error


def settings_of(config: pytest.Config, profile: Profile, suite: Suite) -> Settings:
    """How this run computes.

    Raises:
        pytest.UsageError: an option has an impossible value.
    """
    from harness.settings import Settings

    limit = setting(config, "limit")
    try:
        return Settings(
            data_root=place(config, "data-root", default_data_root()),
            store=place(config, "store", default_store()),
            device=setting(config, "device"),
            dtype=setting(config, "dtype"),
            batch_size=setting(config, "batch-size"),
            limit=profile.limit if limit is None else limit,
            alpha=setting(config, "alpha"),
            seed=suite.seed,
            max_cost=setting(config, "max-cost"),
        )
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


def about_run(config: pytest.Config, profile: Profile, suite: Suite) -> dict[str, Any]:
    """What run.json says about how the run was made; no paths of the machine beyond the command."""
    from harness.settings import RECORDED

    settings = settings_of(config, profile, suite)
    return {
        "command": shlex.join(["pytest", *map(str, config.invocation_params.args)]),
        "suite": os.path.relpath(suite.path, config.rootpath),
        "profile": str(setting(config, "profile")),
        **{name: getattr(settings, name) for name in RECORDED},
        "baseline": _baseline(config),
        "gallery": setting(config, "gallery"),
    }


def check_baseline(config: pytest.Config) -> None:
    """Ends a run at its start whose baseline is no run.

    Raises:
        pytest.UsageError: there is no such folder, or it is not that of a run; the nearest names are told.
    """
    reports = reports_folder(config)
    name = _baseline(config)
    if name is None or is_run(Path(os.path.normpath(reports / name))):
        return
    runs = run_names(reports)
    here = nearest(str(name), runs) if runs else f"There is none in {reports}."
    raise pytest.UsageError(
        f"Expected --baseline to be the folder of a run, which holds a run.json, but got {name}. {here}"
    )


def _baseline(config: pytest.Config) -> str | None:
    """The run to compare with, as seen from the folder of reports, where a report is made again later."""
    reports = reports_folder(config)
    folder = place(config, "baseline", reports)
    if folder == reports or not folder.is_dir():
        return setting(config, "baseline") or None  # the name of a run among the reports, or of none
    return os.path.relpath(folder, reports)


def check_choices(config: pytest.Config) -> None:
    """Ends a run at its start that is asked for something that there is not.

    Raises:
        pytest.UsageError: an option that names one of a few names another.
    """
    if setting(config, "engine") != "local":
        raise pytest.UsageError("Expected --engine to be local, the only engine of this version.")
    if setting(config, "slow-paths") not in ("report", "fail"):
        raise pytest.UsageError("Expected --slow-paths to be report or fail.")
    if setting(config, "gallery") < 0:
        raise pytest.UsageError("Expected --gallery to be a number of pictures, 0 or more.")
