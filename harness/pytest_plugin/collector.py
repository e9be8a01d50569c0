"""Runs in the controller of a run: takes in what tests found, writes the run folder, sums up."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event

import pytest

from harness.pytest_plugin.choices import about_run
from harness.pytest_plugin.new_snapshots import new_line
from harness.pytest_plugin.options import setting
from harness.pytest_plugin.state import (
    NO_REPORTS,
    PROFILE,
    RUN,
    SHARED,
    evaluation_of,
    follow_workers,
    measure_of,
    run_of,
    suite_of,
)
from harness.pytest_plugin.unused_snapshots import settle_unused
from harness.runs import Recorder, keep_pictures, read_run


class Collector:
    """Runs in the controller, or in the only process: collects, writes the run folder, sums up."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.started = config, time.time()
        self.recorder: Recorder | None = None
        self.closing = ""
        self.unused: list[str] = []
        self.predicted = Event()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_setupnodes(self) -> None:
        """Begins to show how far the worker is that predicts for all."""
        follow_workers(self.config, self.predicted)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes in what a test found."""
        self.predicted.set()
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
            return
        self.recorder.add_report(evaluation_of(self.config).predict())
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
        shutil.rmtree(self.recorder.run / SHARED, ignore_errors=True)
        self._keep_pictures(self.recorder)
        try:
            from harness.reporting import write_report

            self.closing = f"report: {write_report(self.recorder.run, measure_of(self.config))}"
            if why := self.config.stash.get(NO_REPORTS, ""):
                session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED
                self.closing = f"{why}. The run is kept elsewhere; name another --reports. {self.closing}"
        except Exception as error:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
            self.closing = (
                f"The report could not be written ({type(error).__name__}: {error}). The run is kept; mend "
                f"the cause and call: harness report {self.recorder.run}"
            )

    def pytest_unconfigure(self) -> None:
        """Removes a run folder that holds no run, once no worker writes into it any more."""
        if self.recorder is None and (folder := self.config.stash.get(RUN, None)):
            shutil.rmtree(folder / SHARED, ignore_errors=True)
            with suppress(OSError):
                folder.rmdir()

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
        try:
            predictions = read_run(recorder.run).predictions
            problems = keep_pictures(
                recorder.run, predictions, wanted, evaluation_of(self.config).evidence.samples
            )
        except Exception as error:
            problems = [f"The gallery has no pictures ({type(error).__name__}: {error})."]
        if problems:
            recorder.add({"problems": problems})
            with suppress(OSError):  # the record stands as it was written, and the terminal shows them, too
                recorder.write(suite_of(self.config))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Prints new snapshots, the verdict table, problems and where the report is."""
        if self.recorder is None:
            return
        from rich.console import Console

        from harness.reporting.summary import print_summary

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
        print_summary(console, self.recorder, said=(*self._about_limit(), *self.unused), fails=self._too_slow)
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
