"""One run of a suite: plan, predict, judge; each step is done once for all processes of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from harness.claims import Verdict
from harness.engine import Bench, Engine, Evidence, Failure, Plan, Report, engine_for, make_plan
from harness.engine.local import Progress
from harness.engine.shared import Shared
from harness.errors import HarnessError
from harness.judging.encoders import embeddings_for
from harness.judging.families import by_family
from harness.judging.judge import Judge, Judgement
from harness.predictions import Cell
from harness.settings import Settings
from harness.store.results import Results
from harness.suite import ClaimCell, Suite
from harness.suite.parents import with_parents

Key = tuple[str, str]  # claim, data set


class Evaluation:
    """What the tests of a run read.

    Args:
        suite: the suite.
        settings: how to compute.
        profile: the profile whose tests make the families of claims.
        cells: whose answers are wanted.
        claims: the tests of claims to judge.
        folder: what the processes of a run share while it lasts; None where there is one process.
        processes: see `engine_for`.
        progress: see `Local`.
    """

    def __init__(
        self,
        suite: Suite,
        settings: Settings,
        profile: str,
        cells: Iterable[Cell],
        claims: Iterable[ClaimCell] = (),
        *,
        folder: Path | None = None,
        processes: int = 1,
        progress: Progress = lambda worker, done, total: None,
    ) -> None:
        self.suite, self.settings, self.profile = suite, settings, profile
        self.families = by_family(claims)
        sides = [side for tests in self.families.values() for test in tests for side in test.cells]
        self.cells = [cell for cell in dict.fromkeys([*cells, *sides]) if cell.model in suite.models]
        self.bench, self.results = Bench(suite, settings), Results(settings.store)
        self._shared, self._folder, self._progress = Shared(folder), folder, progress
        self._processes = processes
        self._evidence: Evidence | None = None
        self._judged: dict[Key, dict[ClaimCell, Judgement]] = {}

    def plan(self) -> Plan:
        """What the store lacks."""
        tests = (test for tests in self.families.values() for test in tests)
        cells = with_parents(self.suite, self.cells)
        return make_plan(self.bench, cells, embeddings_for(self.suite, tests))

    def predict(self, engine: Engine | None = None) -> Report:
        """Has an engine do what is planned, or waits for the process of this run that does.

        Args:
            engine: by default that of this machine.
        """
        if self._evidence is not None:
            return self._evidence.report
        report = Report.from_dict(self._shared.once("engine", lambda: self._run(engine).as_dict()))
        self._evidence = Evidence(self.bench, report)
        return report

    def _run(self, engine: Engine | None) -> Report:
        plan = self.plan()
        if engine is None:
            engine = engine_for(
                self.bench, plan, processes=self._processes, run=self._folder, progress=self._progress
            )
        return engine.run(plan)

    @property
    def evidence(self) -> Evidence:
        """What models have answered; predicts where nobody has asked for it yet."""
        if self._evidence is None:
            self.predict()
            assert self._evidence is not None
        return self._evidence

    def verdict(self, test: ClaimCell) -> Verdict:
        """The verdict on a test, settled with its family.

        Raises:
            HarnessError: it cannot be judged; the message says why.
        """
        key = test.claim, test.cells[0].dataset
        if key not in self._judged and not self._judge(key, wait=False):
            for other in self.families.keys() - self._judged.keys():  # while another process is at it
                self._judge(other, wait=False)
            self._judge(key, wait=True)
        judgement = self._judged[key][test]
        if isinstance(judgement, HarnessError):
            raise judgement
        return judgement

    def _judge(self, key: Key, *, wait: bool) -> bool:
        """Judges a family, or takes over what another process of this run made of it."""
        judge, tests = Judge(self.evidence, self.profile, self.results), self.families[key]
        make: Callable[[], Any] = partial(_plain, judge, key, tests)
        found = self._shared.once(f"family {'/'.join(key)}", make, wait=wait)
        if found is not None:
            self._judged[key] = dict(zip(tests, map(_judgement, found), strict=True))
        return found is not None


def _plain(judge: Judge, key: Key, tests: list[ClaimCell]) -> list[dict[str, Any]]:
    judged = judge.family(*key, tests)
    return [_as_dict(judged[test]) for test in tests]


def _as_dict(judgement: Judgement) -> dict[str, Any]:
    if isinstance(judgement, Verdict):
        return judgement.as_dict()
    return {"failure": asdict(Failure.of(judgement, ""))}


def _judgement(plain: dict[str, Any]) -> Judgement:
    return Failure(**plain["failure"]).error() if "failure" in plain else Verdict.from_dict(plain)
