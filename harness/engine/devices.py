"""The engine of a machine with several accelerators: a process for each, one worker at a time in each."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from harness.engine.bench import Bench
from harness.engine.costs import costs_of
from harness.engine.local import Engine, Local, Progress
from harness.engine.plan import Job, Plan
from harness.engine.report import Failure, Report
from harness.errors import ModelError
from harness.settings import Settings
from harness.suite import Suite

# What a process sees is decided before it imports torch: each one's only accelerator is
# `cuda` to it. Answers are the same whichever card gave them, and no adapter has to know of the others.
VISIBLE = "CUDA_VISIBLE_DEVICES"
# How often a process that has died is noticed.
SECONDS = 1.0


def engine_for(bench: Bench, *, run: Path | None, progress: Progress) -> Engine:
    """The engine for what this machine has."""
    cards = accelerators() if bench.device == "cuda" else []
    if len(cards) < 2:
        return Local(bench, run=run, progress=progress)
    return Devices(bench, cards, run=run, progress=progress)


def accelerators() -> list[str]:
    """The accelerators that this process may use, as `CUDA_VISIBLE_DEVICES` names them; without torch."""
    if (visible := os.environ.get(VISIBLE)) is not None:
        return [card for card in visible.split(",") if card]
    if (smi := shutil.which("nvidia-smi")) is None:
        return []
    told = subprocess.run([smi, "-L"], capture_output=True, text=True, check=False).stdout
    return [str(number) for number, line in enumerate(told.splitlines()) if line.startswith("GPU ")]


class Devices:
    """Runs a plan on several accelerators: whichever is free takes the next worker.

    Args:
        bench: the suite, opened.
        cards: the accelerators.
        run: see `Local`; what is spent is counted there for all processes.
        progress: see `Local`.
    """

    def __init__(self, bench: Bench, cards: Sequence[str], *, run: Path | None, progress: Progress) -> None:
        self.bench, self.cards, self.folder, self.progress = bench, cards, run, progress
        self._context = get_context("spawn")
        self._told: Any = self._context.Queue()

    def run(self, plan: Plan) -> Report:
        """See `Engine.run`."""
        report = Report()
        processes = {card: _Process(self, card) for card in self.cards}
        try:
            for stage in plan.stages():
                self._stage(stage, processes, report)
        finally:
            for process in processes.values():
                process.stop()
        report.restoration_costs = costs_of(self.bench, plan.restored)
        return report

    def _stage(
        self, stage: list[tuple[str, list[Job]]], processes: dict[str, _Process], report: Report
    ) -> None:
        """Has the processes do the work of one stage, in its order."""
        waiting, busy = list(stage), dict[str, tuple[str, list[Job]]]()
        while waiting or busy:
            for card in [card for card in self.cards if card not in busy][: len(waiting)]:
                busy[card] = waiting.pop(0)
                processes[card].give(*busy[card])
            try:
                card, what, told = self._told.get(timeout=SECONDS)
            except queue.Empty:
                for card in [card for card in busy if not processes[card].alive]:
                    name, jobs = busy.pop(card)
                    died = ModelError(f"The process that ran {name} on {card} died. Run it alone to see why.")
                    report.failures[jobs[0].stage][name] = Failure.of(died, name)
                    processes[card] = _Process(self, card)
                continue
            if what == "progress":
                self.progress(*told)
            else:
                report.add(Report.from_dict(told))
                del busy[card]


class _Process:
    """A process that sees one accelerator, and does what it is given."""

    def __init__(self, devices: Devices, card: str) -> None:
        context, bench = devices._context, devices.bench
        self._tasks: Any = context.Queue()
        about = (bench.suite, bench.settings, card, devices.folder, self._tasks, devices._told)
        self._process: BaseProcess = context.Process(target=_serve, args=about, daemon=True)
        self._process.start()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def give(self, name: str, jobs: list[Job]) -> None:
        self._tasks.put((name, jobs))

    def stop(self) -> None:
        self._process.terminate()
        self._process.join()


def _serve(suite: Suite, settings: Settings, card: str, run: Path | None, tasks: Any, told: Any) -> None:
    os.environ[VISIBLE] = card
    local = Local(
        Bench(suite, replace(settings, device=settings.device.partition(":")[0])),
        run=run,
        progress=lambda *step: told.put((card, "progress", step)),
    )
    while True:
        name, jobs = tasks.get()
        report = Report()
        local.work(name, jobs, report)
        told.put((card, "done", report.as_dict()))
