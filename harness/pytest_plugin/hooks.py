"""The hooks of a run with a suite: the grid as parameters, verdicts as outcomes, a report at the end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.warnings import catch_warnings_for_item

from harness.pytest_plugin.choices import check_choices
from harness.pytest_plugin.collector import Collector
from harness.pytest_plugin.cores import all_cores
from harness.pytest_plugin.found import found_by
from harness.pytest_plugin.state import EVALUATION, FILTERS, PROFILE, check_options, start, suite_of
from harness.pytest_plugin.unused_snapshots import hide_from_syrupy
from harness.suite import ClaimCell

if TYPE_CHECKING:
    from harness.claims import Verdict
    from harness.predictions import Cell

# syrupy for the snapshots of the evals: it is not there where plug-ins are not loaded of themselves.
pytest_plugins = ("syrupy",)

NO_CELL = object()


class Hooks:
    """Hooks that conftest files may implement."""

    @pytest.hookspec
    def pytest_claim_verdict(self, item: pytest.Item, verdict: Verdict, expected: Any) -> None:
        """Called in the process that judged, after each verdict of a claim."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Registers `Hooks`."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Checks the options that name one of a few, and makes SIGTERM end a run as Ctrl-C does."""
    # syrupy warns when workers were stopped; where warnings are errors, Ctrl-C would end in a traceback.
    config.addinivalue_line("filterwarnings", "ignore:syrupy. received .* worker snapshot reports")
    check_choices(config)
    hide_from_syrupy(config)
    _interrupt_on_sigterm()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Collector(config), "harness-collector")


def _interrupt_on_sigterm() -> None:
    def interrupt(signum: int, frame: object) -> None:
        del signum, frame
        raise KeyboardInterrupt("SIGTERM")

    with suppress(ValueError):  # not the main thread: whoever runs pytest there handles signals
        signal.signal(signal.SIGTERM, interrupt)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Ends a run with a wrong option by one line; collection would give a traceback per module or worker."""
    check_options(session.config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes one test per cell for `predictions` and one per claim and cell for `verdict`."""
    names = metafunc.fixturenames
    if "predictions" not in names and "verdict" not in names:
        return
    suite = suite_of(metafunc.config)
    profile, filters = metafunc.config.stash[PROFILE], metafunc.config.stash[FILTERS]
    if "predictions" in names:
        cells = suite.cells(profile, filters)
        _parametrize(metafunc, "predictions", cells, [str(cell) for cell in cells])
    if "verdict" in names:
        tests = list(chain.from_iterable(suite.claim_cells(name, profile, filters) for name in suite.claims))
        _parametrize(metafunc, "verdict", tests, [f"{test.claim}/{test}" for test in tests])


def _parametrize(metafunc: pytest.Metafunc, name: str, cells: list[Any], ids: list[str]) -> None:
    if cells:
        metafunc.parametrize(name, cells, indirect=True, ids=ids)
    else:  # pytest makes a test of no parameters, too: it is left out when all are collected
        metafunc.parametrize(name, [NO_CELL], indirect=True, ids=["no-cell"])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out tests that this run has no cell for, and groups the others by model for `--dist loadgroup`.

    First, since xdist reads the marks in a hook of its own and ignores marks set after it.
    """
    if empty := [item for item in items if any(value is NO_CELL for value in _parameters(item).values())]:
        config.hook.pytest_deselected(items=empty)
        items[:] = [item for item in items if item not in empty]
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        cell = _cell_of(item)
        if cell is not None:
            model = cell.cells[0].model if isinstance(cell, ClaimCell) else cell.model
            item.add_marker(pytest.mark.xdist_group(model))


def _parameters(item: pytest.Item) -> dict[str, Any]:
    return getattr(getattr(item, "callspec", None), "params", {})


def _cell_of(item: pytest.Item) -> Cell | ClaimCell | None:
    parameters = _parameters(item)
    cell: Cell | ClaimCell | None = parameters.get("predictions") or parameters.get("verdict")
    return cell


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begins the evaluation of what this run selected."""
    if session.config.option.collectonly:
        _spare_hypothesis(session.config)
        return
    cells = [cell for item in session.items if (cell := _cell_of(item)) is not None]
    if cells:
        start(
            session.config,
            [cell for cell in cells if not isinstance(cell, ClaimCell)],
            [cell for cell in cells if isinstance(cell, ClaimCell)],
        )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Predicts what this run needs before its first test, in whichever process comes first."""
    if EVALUATION in session.config.stash:
        hook = session.config.hook
        # As within a test: the filters of the project hold, and pytest sums up what is left.
        with all_cores(session.config), catch_warnings_for_item(session.config, hook, "runtest", None):
            session.config.stash[EVALUATION].predict()
    return (yield)


def _spare_hypothesis(config: pytest.Config) -> None:
    """Keeps hypothesis from importing itself for a closing line about tests that were not run.

    That import is half of what collecting takes: 1.2 s of 2.4 s.
    """
    plugin = config.pluginmanager.get_plugin("hypothesispytest")
    if plugin is not None and "hypothesis" not in sys.modules:
        config.pluginmanager.unregister(plugin)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attaches what the test found to its last report; xdist carries extra attributes along."""
    report = yield
    if call.when == "teardown" and EVALUATION in item.config.stash:
        found, slow_paths = found_by(item), item.config.stash[EVALUATION].evidence.slow_paths
        if slow_paths:
            found["slow_paths"] = [one.as_dict() for one in slow_paths]
            slow_paths.clear()
        report.harness_found = found  # type: ignore[attr-defined]
    return report
