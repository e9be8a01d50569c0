"""Fixtures of the evals: predictions, verdicts and snapshots of the cells that a test is made for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import ANY

import pytest

from harness.pytest_plugin.found import found_by, keep_predictions, keep_verdict, skipping
from harness.pytest_plugin.options import setting
from harness.pytest_plugin.state import evaluation_of, limit_of, measure_of, suite_of
from harness.suite import ClaimCell, Expectation

if TYPE_CHECKING:
    from syrupy.assertion import SnapshotAssertion

    from harness.claims import Verdict
    from harness.predictions import Predictions


@pytest.fixture
def predictions(request: pytest.FixtureRequest) -> Predictions:
    """Predictions of the test's cell. Skips with the reason when a model or dataset is absent."""
    with skipping(request.node, request.param.model):
        result = evaluation_of(request.config).evidence.predictions(request.param)
        keep_predictions(request.node, result)
    return result


@pytest.fixture
def expected(request: pytest.FixtureRequest) -> Expectation:
    """What the suite expects of the claim on the test's cell."""
    return suite_of(request.config).expectation(request.node.callspec.params["verdict"])


@pytest.fixture
def verdict(request: pytest.FixtureRequest, expected: Expectation) -> Verdict:
    """The verdict on the test's cell, settled with its family.

    Unless it is the expected one or `--strict-claims` is given, an inconclusive verdict xfails with the
    samples it would need, and so does any of a limited run: what is expected is expected of the full set.
    """
    from harness.predictions import Predictions

    cell: ClaimCell = request.param
    with skipping(request.node, str(cell)):
        evaluation = evaluation_of(request.config)
        result = evaluation.verdict(cell)
        for side in map(evaluation.evidence.of, cell.cells):
            if isinstance(side, Predictions):
                keep_predictions(request.node, side)
    keep_verdict(request.node, result, expected)
    if result.outcome == expected.outcome or setting(request.config, "strict_claims"):
        return result
    if result.outcome == "inconclusive":
        needed = f" n needed: {result.n_needed:,}." if result.n_needed and not result.barred else ""
        pytest.xfail(f"inconclusive. {result.reason}{needed}")
    if limit_of(request.config) is not None:
        pytest.xfail(f"{result.outcome}; {expected.outcome} is expected of the full set. {result.reason}")
    return result


@pytest.fixture
def metric_snapshot(request: pytest.FixtureRequest, snapshot: SnapshotAssertion) -> Any:
    """Snapshot of a metric table. A limited run answers fewer samples and is compared with nothing."""
    from harness.pytest_plugin.new_snapshots import NewSnapshot, lacks_snapshot, snapshot_of
    from harness.pytest_plugin.snapshots import MetricSnapshot

    if limit_of(request.config) is not None:
        return ANY
    found = found_by(request.node)
    found["snapshot_folders"] = [str(snapshot_of(request.node).parent)]
    if lacks_snapshot(request.node):
        return NewSnapshot(request.node, found.setdefault("new_snapshots", []).append)
    form = snapshot.use_extension(MetricSnapshot)
    form.extension.measure = measure_of(request.config)  # type: ignore[attr-defined]
    return form
