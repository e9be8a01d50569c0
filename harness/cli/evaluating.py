"""What `harness run` and `harness plan` do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness.cli.options import data_root_of, read_suite, store_of
from harness.engine import Job
from harness.engine.local import Progress
from harness.errors import HarnessError, Unavailable
from harness.judging import Evaluation
from harness.predictions import Cell, Predictions
from harness.reporting import write_report
from harness.reporting.metric_table import Measures
from harness.runs import Recorder, claim_entry, keep_pictures, read_run, record_predictions
from harness.settings import Settings
from harness.suite import ClaimCell, Filters, check_splits, select


def selected(
    suite: Path | None,
    profile: str,
    names: Mapping[str, Sequence[str] | None],
    data_root: Path | None,
    store: Path | None,
    how: dict[str, Any],
    progress: Progress = lambda worker, done, total: None,
) -> Evaluation:
    """The evaluation of what filters leave of a profile.

    Args:
        suite: see `read_suite`.
        profile: name of the profile.
        names: filter -> what it lets through.
        data_root: see `data_root_of`.
        store: see `store_of`.
        how: the other settings.
        progress: see `Local`.

    Raises:
        UsageError: a filter fits nothing, or a setting is impossible.
    """
    read = read_suite(suite)
    filters = Filters(**{name: tuple(given or ()) for name, given in names.items()})
    widened, filters = select(read, profile, filters)
    if how["limit"] is None:
        how = {**how, "limit": widened.limit}
    settings = Settings(data_root=data_root_of(data_root), store=store_of(store), seed=read.seed, **how)
    check_splits(read, filters, settings.data_root)
    tests = [test for claim in read.claims for test in read.claim_cells(claim, widened, filters)]
    return Evaluation(read, settings, profile, read.cells(widened, filters), tests, progress=progress)


def about(job: Job) -> dict[str, Any]:
    """A job as plain values."""
    whose = {"stage": job.stage, "worker": job.worker, "source": str(job.source)}
    return {**whose, "questions": len(job.asked), "missing": job.missing}


def record(recorder: Recorder, evaluation: Evaluation) -> bool:
    """Takes in every cell and every verdict; what is absent here is skipped. Whether something failed."""
    tests = [test for family in evaluation.families.values() for test in family]
    found: list[tuple[str, Callable[[], dict[str, Any]]]] = [
        *((cell.model, partial(_cell, evaluation, recorder.run, cell)) for cell in evaluation.cells),
        *((str(test), partial(_test, evaluation, recorder.run, test)) for test in tests),
    ]
    failed = [_failed(recorder, what, find) for what, find in found]
    recorder.write(evaluation.suite)
    return any(failed)


def _failed(recorder: Recorder, what: str, find: Callable[[], dict[str, Any]]) -> bool:
    try:
        recorder.add(find())
    except Unavailable as error:
        recorder.add({"skipped": [(what, str(error))]})
    except HarnessError as error:
        recorder.add({"problems": [str(error)]})
        return True
    return False


def _cell(evaluation: Evaluation, folder: Path, cell: Cell) -> dict[str, Any]:
    predictions = evaluation.evidence.predictions(cell)
    entry = record_predictions(folder, predictions, evaluation.suite.capability(cell.model))
    return {"cells": [entry], "problems": [f"{cell.source}: {one}" for one in predictions.problems]}


def _test(evaluation: Evaluation, folder: Path, test: ClaimCell) -> dict[str, Any]:
    verdict, expected = evaluation.verdict(test), evaluation.suite.expectation(test)
    hypothesis = evaluation.suite.claim(test.claim).hypothesis
    limited = evaluation.settings.limit is not None
    answered = [cell for cell in test.cells if isinstance(evaluation.evidence.of(cell), Predictions)]
    return {
        "claim": claim_entry(verdict, expected, hypothesis, f"{test.claim}/{test}", limited=limited),
        "cells": [entry for cell in answered for entry in _cell(evaluation, folder, cell)["cells"]],
    }


def report(recorder: Recorder, evaluation: Evaluation, gallery: int) -> Path:
    """Keeps pictures for the gallery, and writes the report."""
    predictions, samples = read_run(recorder.run).predictions, evaluation.evidence.samples
    if gallery and (problems := keep_pictures(recorder.run, predictions, gallery, samples)):
        recorder.add({"problems": problems})
        recorder.write(evaluation.suite)
    return write_report(recorder.run, Measures(evaluation.results, evaluation.suite.metrics))
