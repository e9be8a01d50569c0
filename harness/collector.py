"""Runs in the controller of a run: takes in what tests found, writes the run folder, sums up."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from harness.errors import Unavailable
from harness.new_snapshots import new_line
from harness.options import about_run, setting
from harness.recorder import Recorder
from harness.running import NO_REPORTS, PROFILE, RUN, run_of, session_of, suite_of
from harness.shared_verdicts import FOLDER
from harness.slow_paths import line
from harness.unused_snapshots import settle_unused

if TYPE_CHECKING:
    from harness.datasets import Dataset
    from harness.predictions import Cell


class Collector:
    """Runs in the controller, or in the only process: collects, writes the run folder, sums up."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.started = config, time.time()
        self.recorder: Recorder | None = None
        self.closing = ""
        self.unused: list[str] = []

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
        try:
            self.recorder.write(suite_of(self.config))
        except OSError as error:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
            self.closing = (
                f"The run folder {self.recorder.run} cannot be written ({error.strerror or error}), so "
                "there is no report. Free space or name another --reports; the answers are in the store."
            )
            return
        self.unused = settle_unused(session, self.recorder)
        if self._too_slow and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        shutil.rmtree(self.recorder.run / FOLDER, ignore_errors=True)
        self._keep_pictures(self.recorder)
        try:
            from harness.reporting import write_report
            from harness.reporting.metric_table import Measures

            measure = Measures(session_of(self.config).results, suite_of(self.config).metrics)
            self.closing = f"report: {write_report(self.recorder.run, measure)}"
            if why := self.config.stash.get(NO_REPORTS, ""):
                session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
                self.closing = f"{why}. The run is kept elsewhere; name another --reports. {self.closing}"
        except Exception as error:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
            self.closing = (
                f"The report could not be written ({type(error).__name__}: {error}). The run is kept; mend "
                f"the cause and call: harness report {self.recorder.run}"
            )

    @property
    def _too_slow(self) -> int:
        """How many slow paths, which nobody chose, make the run fail."""
        if self.recorder is None or setting(self.config, "slow-paths") != "fail":
            return 0
        return sum(entry["kind"] != "chosen" for entry in self.recorder.slow_paths)

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
        """Prints new snapshots, the verdict table, problems and where the report is."""
        if self.recorder is None:
            return
        from rich.console import Console

        from harness.reporting.verdicts import headline, terminal_table

        claims = self.recorder.sorted_claims()
        if self.recorder.new_snapshots:
            terminalreporter.section("new snapshots")
        for cell, new in sorted(self.recorder.new_snapshots.items()):
            terminalreporter.write_line(f"{new['table']}\n\n{new_line(cell, new['command'])}\n")
        terminalreporter.section("verdicts")
        buffer = io.StringIO()
        console = Console(
            file=buffer,
            width=terminalreporter._tw.fullwidth,
            force_terminal=terminalreporter.hasmarkup or None,
            emoji=False,  # `data:train:` is no railway car
        )
        console.print(terminal_table(claims))
        for problem in self.recorder.problems:
            text = f"problem: {problem}"  # never broken: it may end in a command that is to be copied
            console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
        for said in (*self._about_limit(), *self.unused):
            console.print(said, markup=False, highlight=False, soft_wrap=True)
        for entry in self.recorder.slow_paths:
            console.print(
                f"slow path: {line(entry)}", style="yellow", markup=False, highlight=False, soft_wrap=True
            )
        if count := self._too_slow:
            console.print(
                f"The run fails as slow_paths = fail, and it has {count} that nobody chose. Mend them, or "
                "write sweep = false into the entry of a model that must go without.",
                style="red",
                markup=False,
                highlight=False,
            )
        console.print(headline(claims, len(self.recorder.skipped)), markup=False, highlight=False)
        console.print(self.closing, markup=False, highlight=False, soft_wrap=True)
        terminalreporter.write(buffer.getvalue())

    def _about_limit(self) -> Iterator[str]:
        """That a limited run kept away from the snapshots."""
        assert self.recorder is not None
        limit = self.recorder.about["limit"]
        if limit is not None and self.recorder.cells:
            yield (
                f"At most {limit:,} samples of each split were asked: snapshots are of the full set, and "
                "none was compared or recorded."
            )


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
