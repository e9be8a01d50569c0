"""The pytest plugin: options, the grid as parameters, verdicts as outcomes, a report at the end.

Enable it with `pytest_plugins = ["harness.plugin"]` in the root conftest.py, or `-p harness.plugin`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from harness.collector import Collector
from harness.errors import HarnessError, Unavailable
from harness.options import setting, suite_path
from harness.paths import SUITE as DEFAULT_SUITE
from harness.recorder import claim_entry, record_predictions
from harness.running import FILTERS, PROFILE, SESSION, check_options, run_of, session_of, suite_of
from harness.suite import ClaimCell, Expectation
from harness.unused_snapshots import hide_from_syrupy

if TYPE_CHECKING:
    from harness.claims import Verdict
    from harness.predictions import Cell, Predictions

# syrupy for the snapshots of the evals: it is not there where plug-ins are not loaded of themselves.
pytest_plugins = ("harness.launching", "syrupy")

FOUND = pytest.StashKey[dict[str, Any]]()
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
    """Registers the marker and makes SIGTERM end a run as Ctrl-C does."""
    config.addinivalue_line("markers", "claim(name): the test judges this claim of suite.toml, cell by cell")
    # syrupy warns when workers were stopped; where warnings are errors, Ctrl-C would end in a traceback.
    config.addinivalue_line("filterwarnings", "ignore:syrupy. received .* worker snapshot reports")
    if setting(config, "engine") != "local":
        raise pytest.UsageError("Expected --engine to be local, the only engine of this version.")
    if setting(config, "slow-paths") not in ("report", "fail"):
        raise pytest.UsageError("Expected --slow-paths to be report or fail.")
    if setting(config, "gallery") < 0:
        raise pytest.UsageError("Expected --gallery to be a number of pictures, 0 or more.")
    hide_from_syrupy(config)
    # torch and BLAS read this when they are imported, which happens with the first model. A controller
    # leaves it to its workers: they would inherit its choice.
    if hasattr(config, "workerinput") or not getattr(config.option, "tx", None):
        workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
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
    path = suite_path(session.config)
    if path != session.config.rootpath / DEFAULT_SUITE or path.exists():
        check_options(session.config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes one test per cell for `predictions` and one per claim cell for `verdict`."""
    names = metafunc.fixturenames
    if "predictions" not in names and "verdict" not in names:
        return
    suite = suite_of(metafunc.config)
    profile, filters = metafunc.config.stash[PROFILE], metafunc.config.stash[FILTERS]
    if "predictions" in names:
        _parametrize(metafunc, "predictions", suite.cells(profile, filters))
    if "verdict" in names:
        marker = metafunc.definition.get_closest_marker("claim")
        if marker is None or len(marker.args) != 1:
            raise pytest.UsageError(
                f"{metafunc.definition.nodeid} uses `verdict`; mark it with @pytest.mark.claim(NAME)."
            )
        _parametrize(metafunc, "verdict", suite.claim_cells(marker.args[0], profile, filters))


def _parametrize(metafunc: pytest.Metafunc, name: str, cells: list[Any]) -> None:
    if cells:
        metafunc.parametrize(name, cells, indirect=True, ids=[str(cell) for cell in cells])
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
    """Tells the harness session what this run selected."""
    if session.config.option.collectonly:
        _spare_hypothesis(session.config)
        return
    cells = [cell for item in session.items if (cell := _cell_of(item)) is not None]
    pairs = [cell for cell in cells if isinstance(cell, ClaimCell)]
    if cells:
        session_of(session.config).plan((cell for cell in cells if not isinstance(cell, ClaimCell)), pairs)


def _spare_hypothesis(config: pytest.Config) -> None:
    """Keeps hypothesis from importing itself for a closing line about tests that were not run.

    That import is half of what collecting takes: 1.2 s of 2.4 s.
    """
    plugin = config.pluginmanager.get_plugin("hypothesispytest")
    if plugin is not None and "hypothesis" not in sys.modules:
        config.pluginmanager.unregister(plugin)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Gives each xdist worker the run folder."""
    node.workerinput["harness_run"] = str(run_of(node.config))


def found_by(item: pytest.Item) -> dict[str, Any]:
    """What a test has found so far; travels to the controller with its report."""
    return item.stash.setdefault(FOUND, {})


def keep_predictions(item: pytest.Item, predictions: Predictions) -> None:
    """Keeps the predictions a test used in the run folder and in its report."""
    config = item.config
    found = found_by(item)
    try:
        capability = suite_of(config).capability(predictions.cell.model)
        entry = record_predictions(run_of(config), predictions, capability)
        found.setdefault("cells", []).append(entry)
    except OSError as error:  # the answers are in the store, and the verdicts on them go on
        found.setdefault("problems", []).append(
            f"{predictions.cell} is left out of the report: {run_of(config)} cannot be written "
            f"({error.strerror or error}). Free space there."
        )
    found.setdefault("problems", []).extend(
        f"{predictions.cell.source}: {problem}" for problem in predictions.problems
    )


def keep_verdict(item: pytest.Item, verdict: Verdict, expected: Expectation) -> None:
    """Keeps a verdict in the test's report and tells `pytest_claim_verdict`."""
    limited = session_of(item.config).settings.limit is not None
    hypothesis = suite_of(item.config).claim(verdict.claim).hypothesis
    found_by(item)["claim"] = claim_entry(verdict, expected, hypothesis, item.name, limited=limited)
    item.ihook.pytest_claim_verdict(item=item, verdict=verdict, expected=expected)


@contextmanager
def skipping(item: pytest.Item, what: str) -> Iterator[None]:
    """Turns `Unavailable` into a skip, and other harness errors into one clear line."""
    try:
        yield
    except Unavailable as error:
        found_by(item).setdefault("skipped", []).append((what, str(error)))
        pytest.skip(str(error))
    except HarnessError as error:
        found_by(item).setdefault("problems", []).append(str(error))
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attaches what the test found to its last report; xdist carries extra attributes along."""
    report = yield
    if call.when == "teardown" and SESSION in item.config.stash:
        found, predictor = found_by(item), item.config.stash[SESSION].predictor
        if predictor.loads:
            found["loads"] = dict(predictor.loads)
            predictor.loads.clear()
        if predictor.slow_paths:
            found["slow_paths"] = [one.as_dict() for one in predictor.slow_paths]
            predictor.slow_paths.clear()
        if costs := predictor.restoration_costs:
            found["restoration_costs"] = costs
        report.harness_found = found  # type: ignore[attr-defined]
    return report
