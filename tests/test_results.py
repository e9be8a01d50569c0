"""What was computed once is not computed again, and whatever could change it makes it something else."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.errors import DataError
from harness.labels import LabelSpace
from harness.predictions import Cell, Predictions
from harness.prompts import Prompt
from harness.store import results
from harness.store.results import Results, digest_of
from harness.tasks import Choice

SPACE = LabelSpace.of("abc", ("happy", "sad"))
ROWS = {
    "sample_id": ["1", "2", "3"],
    "group": ["a", "a", "b"],
    "gold": ["happy", "sad", "sad"],
    "outcome": ["parsed", "parsed", "refusal"],
    "label": ["happy", "happy", None],
    "score_happy": [0.9, 0.5, np.nan],
}
PREDICTIONS = Predictions(Cell("model", "faces", "test"), Choice(SPACE), pd.DataFrame(ROWS), Prompt())


@pytest.fixture
def calls(tmp_path):
    """Asks another process's memory for a result; says whether it had to be computed."""

    def ask(**inputs) -> bool:
        made = []
        found = Results(tmp_path).remember(inputs, lambda: made.append(1) or {"value": [0.1, None]})
        assert found == {"value": [0.1, None]}
        return bool(made)

    return ask


def test_a_result_is_computed_once(calls):
    inputs = {"claim": "c", "seed": 1, "array": np.arange(3), "of": digest_of(PREDICTIONS)}
    assert calls(**inputs)
    assert not calls(**inputs)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 2},
        {"more": None},
        {"array": np.arange(3.0)},
        {"array": np.array([0, 1, 3])},
        {"array": np.arange(3)[None]},
    ],
)
def test_other_inputs_are_another_result(calls, other):
    inputs = {"seed": 1, "array": np.arange(3)}
    assert calls(**inputs)
    assert calls(**{**inputs, **other})


def test_other_code_or_packages_are_another_result(calls, monkeypatch):
    versions = iter(["one", "two"])
    monkeypatch.setattr(results, "package_versions", lambda *names: {"numpy": next(versions)})
    for _ in range(2):
        results.code_version.cache_clear()
        assert calls(seed=1)
        assert not calls(seed=1)
    monkeypatch.undo()
    results.code_version.cache_clear()


@pytest.mark.parametrize(
    "other",
    [
        replace(PREDICTIONS, cell=Cell("other", "faces", "test")),
        replace(PREDICTIONS, task=Choice(LabelSpace.of("abc", ("sad", "happy")))),
        replace(PREDICTIONS, prompt=None),
        replace(PREDICTIONS, prompt=Prompt(persona="negative")),
        replace(PREDICTIONS, repeatable=False),
        replace(PREDICTIONS, marginals={"raters": {"happy": 1.0}}),
        replace(PREDICTIONS, content_free={"happy": 0.5}),
        *(
            replace(PREDICTIONS, table=PREDICTIONS.table.assign(**{name: values[::-1]}))
            for name, values in ROWS.items()
        ),
        replace(PREDICTIONS, table=PREDICTIONS.table[:2]),
        replace(PREDICTIONS, table=PREDICTIONS.table.rename(columns={"score_happy": "score_sad"})),
    ],
)
def test_whatever_differs_in_predictions_differs_in_their_digest(other):
    again = replace(PREDICTIONS, table=pd.DataFrame(ROWS))
    assert digest_of(again) == digest_of(PREDICTIONS) != digest_of(other)


def test_an_error_is_not_kept(calls, tmp_path):
    def fail() -> None:
        raise DataError("no evidence")

    with pytest.raises(DataError):
        Results(tmp_path).remember({"seed": 1}, fail)
    assert calls(seed=1)


def test_a_damaged_file_is_computed_again(calls, tmp_path):
    calls(seed=1)
    (path,) = tmp_path.rglob("*.json")
    path.write_bytes(path.read_bytes()[:-3])
    assert calls(seed=1)
    assert not calls(seed=1)


def test_no_result_with_a_single_wrong_bit_is_served(calls, tmp_path):
    """A digit of a verdict is one bit away from another digit, and as good JSON."""
    calls(seed=1)
    (path,) = tmp_path.rglob("*.json")
    whole = path.read_bytes()
    for bit in range(8 * len(whole)):
        path.write_bytes((int.from_bytes(whole, "big") ^ 1 << bit).to_bytes(len(whole), "big"))
        assert calls(seed=1)
        assert not calls(seed=1)


def test_a_result_that_is_a_pipe_is_not_waited_for(calls, tmp_path):
    calls(seed=1)
    (path,) = tmp_path.rglob("*.json")
    path.unlink()
    os.mkfifo(path)
    assert calls(seed=1)
    assert not calls(seed=1)


def test_where_nothing_can_be_kept_it_is_computed(tmp_path):
    (tmp_path / "file").write_text("")
    kept = Results(tmp_path / "file")
    assert [kept.remember({}, lambda: 5) for _ in range(2)] == [5, 5]


def test_what_has_no_key_is_refused(tmp_path):
    with pytest.raises(TypeError, match="no place in the key"):
        Results(tmp_path).remember({"array": np.array([object()])}, lambda: 1)
