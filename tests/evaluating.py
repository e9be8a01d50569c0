"""Runs of a suite from plan to verdict, as the fronts make them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tiny_suite import SUITE, write_suite

from harness.claims import Verdict
from harness.engine import Bench, Engine
from harness.judging import Evaluation
from harness.predictions import Cell, Predictions
from harness.settings import Settings
from harness.suite import ClaimCell, Filters, Suite


def project(folder: Path, text: str = SUITE, **settings: Any) -> tuple[Suite, Settings]:
    """The tiny suite in a folder, written where it is not there yet, and how to run it."""
    if not (folder / "suite.toml").exists():
        write_suite(folder, text)
    (folder / "suite.toml").write_text(text)
    values = {"device": "cpu", "replicates": 500, "batch_size": 16, **settings}
    return Suite.read(folder / "suite.toml"), Settings(
        data_root=folder / "data", store=folder / "store", **values
    )


def bench(folder: Path, text: str = SUITE, **settings: Any) -> Bench:
    """The same, opened."""
    return Bench(*project(folder, text, **settings))


def evaluate(
    suite: Suite,
    settings: Settings,
    cells: Iterable[Cell] = (),
    claims: Iterable[ClaimCell] = (),
    profile: str = "default",
    engine: Engine | None = None,
    **options: Any,
) -> Evaluation:
    """A run that has predicted; each is a new one, as far as it can tell."""
    evaluation = Evaluation(suite, settings, profile, cells, claims, **options)
    evaluation.predict(engine)
    return evaluation


def answers(suite: Suite, settings: Settings, cell: Cell) -> Predictions:
    """The predictions of one cell, made by a run of their own."""
    return evaluate(suite, settings, [cell]).evidence.predictions(cell)


def claim_tests(suite: Suite, claim: str, profile: str = "default", **globs: str) -> list[ClaimCell]:
    """The tests of a claim in a profile, narrowed as the options of pytest narrow them."""
    filters = Filters(**{axis: (glob,) for axis, glob in globs.items()})
    return suite.claim_cells(claim, suite.profile(profile), filters)


def models_of(test: ClaimCell) -> str:
    """`good-vs-outside`."""
    return "-vs-".join(side.model for side in test.cells)


def judged(
    suite: Suite, settings: Settings, tests: Iterable[ClaimCell], profile: str = "default"
) -> dict[str, Verdict]:
    """The verdicts on some tests, by the models that they compare, given by a run of their own."""
    tests = list(tests)
    evaluation = evaluate(suite, settings, claims=tests, profile=profile)
    return {models_of(test): evaluation.verdict(test) for test in tests}
