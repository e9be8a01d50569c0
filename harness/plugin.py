"""The pytest plugin: options, the grid as parameters, verdicts as outcomes, a report at the end.

Enable it with `pytest_plugins = ["harness.plugin"]` in the root conftest.py, or `-p harness.plugin`.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import HarnessError, Unavailable
from harness.options import DEFAULT_SUITE, about_run, add_options, filters_of, setting, settings_of
from harness.recorder import Recorder, claim_entry, new_run_folder, record_predictions
from harness.suite import ClaimCell, Expectation, Profile, Suite

if TYPE_CHECKING:
    from harness.claims import Verdict
    from harness.datasets import Dataset
    from harness.predictions import Cell, Predictions
    from harness.session import Session

SUITE = pytest.StashKey[Suite]()
PROFILE = pytest.StashKey[Profile]()
SESSION = pytest.StashKey["Session"]()
RECORDER = pytest.StashKey[Recorder]()
RUN = pytest.StashKey[Path]()
FOUND = pytest.StashKey[dict[str, Any]]()


class Hooks:
    """Hooks that conftest files may implement."""

    @pytest.hookspec
    def pytest_claim_verdict(self, item: pytest.Item, verdict: Verdict, expected: Any) -> None:
        """Called in the process that judged, after each verdict of a claim."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Registers `Hooks`."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the harness options; each is also an ini key."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker and makes SIGTERM end a run as Ctrl-C does."""
    config.addinivalue_line("markers", "claim(name): the test judges this claim of suite.toml, cell by cell")
    # syrupy warns when workers were stopped; where warnings are errors, Ctrl-C would end in a traceback.
    config.addinivalue_line("filterwarnings", "ignore:syrupy. received .* worker snapshot reports")
    if setting(config, "engine") != "local":
        raise pytest.UsageError("Expected --engine to be local, the only engine of this version.")
    if setting(config, "gallery") < 0:
        raise pytest.UsageError("Expected --gallery to be a number of pictures, 0 or more.")
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


def suite_of(config: pytest.Config) -> Suite:
    """The suite of a run, read once.

    Raises:
        pytest.UsageError: the suite or an option is wrong.
    """
    if SUITE not in config.stash:
        try:
            suite = Suite.read(config.rootpath / str(setting(config, "suite")))
            config.stash[PROFILE] = suite.profile(str(setting(config, "profile")))
        except HarnessError as error:
            raise pytest.UsageError(str(error)) from error
        config.stash[SUITE] = suite
    return config.stash[SUITE]


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Ends a run with a wrong suite or profile by one line; collection would give a traceback per module."""
    path = str(setting(session.config, "suite"))
    if path != DEFAULT_SUITE or (session.config.rootpath / path).exists():
        suite_of(session.config)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes one test per cell for `predictions` and one per claim cell for `verdict`."""
    names = metafunc.fixturenames
    if "predictions" not in names and "verdict" not in names:
        return
    suite = suite_of(metafunc.config)
    profile, filters = metafunc.config.stash[PROFILE], filters_of(metafunc.config)
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
    else:
        empty = pytest.param(
            None, marks=pytest.mark.skip("no cell of the suite passes the filters"), id="no-cell"
        )
        metafunc.parametrize(name, [empty], indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out claims that the suite does not list, and groups tests by model for `--dist loadgroup`.

    First, since xdist reads the marks in a hook of its own and ignores marks set after it.
    """
    if unlisted := [item for item in items if _is_unlisted(item)]:
        config.hook.pytest_deselected(items=unlisted)
        items[:] = [item for item in items if item not in unlisted]
    for item in items:
        cell = _cell_of(item)
        if cell is not None:
            model = cell.cells[0].model if isinstance(cell, ClaimCell) else cell.model
            item.add_marker(pytest.mark.xdist_group(model))


def _is_unlisted(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("claim")
    if marker is None or "verdict" not in getattr(item, "fixturenames", ()):
        return False
    return marker.args[0] not in suite_of(item.config).claims


def _cell_of(item: pytest.Item) -> Cell | ClaimCell | None:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
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
        config.stash[RUN] = new_run_folder(config.rootpath / str(setting(config, "reports")))
    return config.stash[RUN]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Gives each xdist worker the run folder; wrong options end the run before a worker meets them."""
    if SUITE in node.config.stash:
        settings_of(node.config, node.config.stash[PROFILE], suite_of(node.config))
    node.workerinput["harness_run"] = str(run_of(node.config))


def seen_samples(config: pytest.Config, cell: Cell) -> Dataset:
    """The samples of a cell with the pixels that its model saw here.

    Raises:
        Unavailable: it saw restored pixels elsewhere; restoring them again just to show them may take hours.
    """
    from harness.models import TableModel

    predictor = session_of(config).predictor
    if cell.restoration != "none" and isinstance(predictor.model(cell.model), TableModel):
        raise Unavailable(f"{cell.model} answered elsewhere. Add a model that answers on them here.")
    return predictor.samples(cell)


def found_by(item: pytest.Item) -> dict[str, Any]:
    """What a test has found so far; travels to the controller with its report."""
    return item.stash.setdefault(FOUND, {})


def keep_predictions(item: pytest.Item, predictions: Predictions) -> None:
    """Keeps the predictions a test used in the run folder and in its report."""
    config = item.config
    entry = record_predictions(run_of(config), predictions, suite_of(config).kind(predictions.cell.model))
    found = found_by(item)
    found.setdefault("cells", []).append(entry)
    dataset = session_of(config).dataset(predictions.cell.dataset, predictions.cell.split)
    found.setdefault("problems", []).extend(dataset.problems)


def keep_verdict(item: pytest.Item, verdict: Verdict, expected: Expectation) -> None:
    """Keeps a verdict in the test's report and tells `pytest_claim_verdict`."""
    found_by(item)["claim"] = claim_entry(verdict, expected, item.name)
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
        if costs := predictor.restoration_costs:
            found["restoration_costs"] = costs
        report.harness_found = found  # type: ignore[attr-defined]
    return report


class Collector:
    """Runs in the controller, or in the only process: collects, writes the run folder, sums up."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.started = config, time.time()
        self.recorder: Recorder | None = None
        self.closing = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes in what a test found."""
        found = getattr(report, "harness_found", None)
        if not found:
            return
        if self.recorder is None:
            suite = suite_of(self.config)
            about = about_run(self.config, self.config.stash[PROFILE], suite)
            self.recorder = Recorder(run_of(self.config), about, self.started)
        self.recorder.add(found)

    @pytest.hookimpl(tryfirst=True)  # before xdist waits for its workers, when another Ctrl-C may come
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes the run folder, also after Ctrl-C; the record first, as a report can be made again.

        Pictures are kept here and not by the tests, as only the whole run tells which ones show most.
        """
        if self.recorder is None:
            if folder := self.config.stash.get(RUN, None):
                with suppress(OSError):  # workers got it and had nothing to put into it
                    folder.rmdir()
            return
        self.recorder.write(suite_of(self.config))
        self._keep_pictures(self.recorder)
        try:
            from harness.reporting import write_report

            self.closing = f"report: {write_report(self.recorder.run)}"
        except Exception as error:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
            self.closing = (
                f"The report could not be written ({type(error).__name__}: {error}). The run is kept; mend "
                f"the cause and call: harness report {self.recorder.run}"
            )

    def _keep_pictures(self, recorder: Recorder) -> None:
        """Keeps pictures for the gallery; what keeps them from it is a problem of the run, not its end."""
        wanted = int(setting(self.config, "gallery"))
        if not wanted or not recorder.cells:
            return
        from harness.reporting import keep_pictures, read_run

        try:
            predictions = read_run(recorder.run).predictions
            problems = keep_pictures(recorder.run, predictions, wanted, partial(seen_samples, self.config))
        except Exception as error:
            problems = [f"The gallery has no pictures ({type(error).__name__}: {error})."]
        if problems:
            recorder.add({"problems": problems})
            recorder.write(suite_of(self.config))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Prints the verdict table, problems and where the report is."""
        if self.recorder is None:
            return
        from rich.console import Console

        from harness.reporting.verdicts import headline, terminal_table

        claims = self.recorder.sorted_claims()
        terminalreporter.section("verdicts")
        buffer = io.StringIO()
        console = Console(
            file=buffer,
            width=terminalreporter._tw.fullwidth,
            force_terminal=terminalreporter.hasmarkup or None,
        )
        console.print(terminal_table(claims))
        for problem in self.recorder.problems:
            console.print(f"problem: {problem}", style="yellow", markup=False, highlight=False)
        console.print(headline(claims, len(self.recorder.skipped)), markup=False, highlight=False)
        console.print(self.closing, markup=False, highlight=False, soft_wrap=True)
        terminalreporter.write(buffer.getvalue())
