"""The engine of several processes, each with an accelerator or some cores, and one worker at a time."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
from collections.abc import Mapping, Sequence
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

# What a process sees is decided before it imports torch: each one's only accelerator is `cuda` to it. Answers
# are the same whichever card gave them, and no adapter has to know of the others.
VISIBLE, THREADS = "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"
Place = Mapping[str, str]  # the environment that makes a process see its part of the machine
# How often a process that has died is noticed.
SECONDS = 1.0


def engine_for(bench: Bench, plan: Plan, *, processes: int, run: Path | None, progress: Progress) -> Engine:
    """The engine for a plan on this machine.

    Args:
        bench: the suite, opened.
        plan: how many workers there are to be.
        processes: how many the user has granted where there are no accelerators; of these each has one.
        run: see `Local`.
        progress: see `Local`.
    """
    workers = len({(job.stage, job.worker) for job in plan.jobs})
    places = places_of(bench.device, max(1, min(processes, workers)))[:workers]
    if len(places) < 2:
        return Local(bench, run=run, progress=progress)
    return Devices(bench, places, run=run, progress=progress)


def places_of(device: str, processes: int) -> list[Place]:
    """The parts of the machine that a process each may have."""
    if device == "cuda":
        return [{VISIBLE: card} for card in accelerators()]
    cores = int(os.environ.get(THREADS) or os.cpu_count() or 1)
    return [{THREADS: str(max(1, cores // processes))}] * processes if device == "cpu" else []


def accelerators() -> list[str]:
    """The accelerators that this process may use, as `CUDA_VISIBLE_DEVICES` names them; without torch."""
    if (visible := os.environ.get(VISIBLE)) is not None:
        return [card for card in visible.split(",") if card]
    if (smi := shutil.which("nvidia-smi")) is None:
        return []
    told = subprocess.run([smi, "-L"], capture_output=True, text=True, check=False).stdout
    return [str(number) for number, line in enumerate(told.splitlines()) if line.startswith("GPU ")]


class Devices:
    """Runs a plan in several processes: whichever is free takes the next worker.

    Args:
        bench: the suite, opened.
        places: the part of the machine that each process has.
        run: see `Local`; what is spent is counted there for all processes.
        progress: see `Local`.
    """

    def __init__(
        self, bench: Bench, places: Sequence[Place], *, run: Path | None, progress: Progress
    ) -> None:
        self.bench, self.places, self.folder, self.progress = bench, places, run, progress
        self._context = get_context("spawn")
        self._told: Any = self._context.Queue()

    def run(self, plan: Plan) -> Report:
        """See `Engine.run`."""
        report = Report()
        processes = [_Process(self, number) for number in range(len(self.places))]
        try:
            for stage in plan.stages():
                self._stage(stage, processes, report)
        finally:
            for process in processes:
                process.stop()
        report.restoration_costs = costs_of(self.bench, plan.restored)
        return report

    def _stage(self, stage: list[tuple[str, list[Job]]], processes: list[_Process], report: Report) -> None:
        """Has the processes do the work of one stage, in its order."""
        waiting, busy = list(stage), dict[int, tuple[str, list[Job]]]()
        while waiting or busy:
            for number in [one for one in range(len(processes)) if one not in busy][: len(waiting)]:
                busy[number] = waiting.pop(0)
                processes[number].give(*busy[number])
            try:
                number, what, told = self._told.get(timeout=SECONDS)
            except queue.Empty:
                for number in [one for one in busy if not processes[one].alive]:
                    name, jobs = busy.pop(number)
                    died = ModelError(f"The process that ran {name} died. Run it alone to see why.")
                    report.failures[jobs[0].stage][name] = Failure.of(died, name)
                    processes[number] = _Process(self, number)
                continue
            if what == "progress":
                self.progress(*told)
            else:
                report.add(Report.from_dict(told))
                del busy[number]


class _Process:
    """A process that sees one part of the machine, and does what it is given."""

    def __init__(self, devices: Devices, number: int) -> None:
        context, bench = devices._context, devices.bench
        self._tasks: Any = context.Queue()
        about = (bench.suite, bench.settings, dict(devices.places[number]), number, devices.folder)
        self._process: BaseProcess = context.Process(
            target=_serve, args=(*about, self._tasks, devices._told), daemon=True
        )
        self._process.start()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def give(self, name: str, jobs: list[Job]) -> None:
        self._tasks.put((name, jobs))

    def stop(self) -> None:
        self._process.terminate()
        self._process.join()


def _serve(
    suite: Suite, settings: Settings, place: Place, number: int, run: Path | None, tasks: Any, told: Any
) -> None:
    os.environ.update(place)
    local = Local(
        Bench(suite, replace(settings, device=settings.device.partition(":")[0])),
        run=run,
        progress=lambda *step: told.put((number, "progress", step)),
    )
    while True:
        name, jobs = tasks.get()
        report = Report()
        local.work(name, jobs, report)
        told.put((number, "done", report.as_dict()))
