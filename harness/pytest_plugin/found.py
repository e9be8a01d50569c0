"""What a test has found: kept with it, and carried to the controller by its report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from harness.errors import HarnessError, Unavailable
from harness.pytest_plugin.state import limit_of, run_of, suite_of
from harness.runs import claim_entry, record_predictions
from harness.suite import Expectation

if TYPE_CHECKING:
    from harness.claims import Verdict
    from harness.predictions import Predictions

FOUND = pytest.StashKey[dict[str, Any]]()


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
    limited = limit_of(item.config) is not None
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
        told = f"{error}\n\n{error.details}" if error.details else str(error)
        raise pytest.fail.Exception(told, pytrace=False) from None
