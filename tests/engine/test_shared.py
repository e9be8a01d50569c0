"""Workers of one run judge each cell once, and all get the same verdict."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from harness.shared_verdicts import SharedVerdicts
from hypothesis import given
from hypothesis import strategies as st

from harness.claims import Verdict
from harness.claims.verdict import Effect
from harness.errors import DataError
from harness.predictions import Cell

NUMBERS = st.floats(allow_nan=False)
EFFECTS = st.builds(Effect, st.text(), NUMBERS, st.none() | NUMBERS, st.none() | NUMBERS)
VERDICTS = st.builds(
    Verdict,
    claim=st.text(),
    cell=st.text(),
    outcome=st.sampled_from(["supported", "refuted", "inconclusive"]),
    effect=EFFECTS,
    p_value=st.none() | NUMBERS,
    alpha=NUMBERS,
    n=st.integers(0),
    n_needed=st.none() | st.integers(0),
    detectable_effect=st.none() | NUMBERS,
    paired=st.booleans(),
    method=st.text(),
    reason=st.text(),
    secondary=st.lists(EFFECTS).map(tuple),
    notes=st.lists(st.text()).map(tuple),
)
CELLS = (Cell("llava", "faces", "test"), Cell("llava", "faces", "test", "gfpgan"))
VERDICT = Verdict(
    claim="restoration_helps",
    cell="faces:test",
    outcome="supported",
    effect=Effect("gain", 0.1, 0.05, 0.15),
    p_value=0.01,
    alpha=0.05,
    n=100,
    n_needed=None,
    detectable_effect=0.04,
    paired=True,
    method="exact",
    reason="It gains.",
)


@given(VERDICTS)
def test_a_verdict_survives_json(verdict):
    assert Verdict.from_dict(json.loads(json.dumps(verdict.as_dict()))) == verdict


def test_without_workers_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert SharedVerdicts("").judged("c", CELLS, lambda: VERDICT) == VERDICT
    assert not list(tmp_path.iterdir())


def test_many_workers_judge_a_cell_once(tmp_path):
    times = []

    def judge():
        times.append(1)
        return VERDICT

    with ThreadPoolExecutor(8) as pool:
        workers = [SharedVerdicts(str(tmp_path)) for _ in range(8)]
        found = [pool.submit(worker.judged, "c", CELLS, judge) for worker in workers]
        assert {one.result() for one in found} == {VERDICT}
    assert len(times) == 1
    SharedVerdicts(str(tmp_path)).judged("c", CELLS[:1], judge)
    SharedVerdicts(str(tmp_path)).judged("d", CELLS, judge)
    assert len(times) == 3


def test_who_does_not_wait_goes_on_with_other_cells(tmp_path):
    begun, go_on = Event(), Event()

    def judge():
        begun.set()
        go_on.wait(30)
        return VERDICT

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(SharedVerdicts(str(tmp_path)).judged, "c", CELLS, judge)
        begun.wait(30)
        other = SharedVerdicts(str(tmp_path))
        assert other.judged("c", CELLS, judge, wait=False) is None
        assert other.judged("c", CELLS[:1], lambda: VERDICT, wait=False) == VERDICT
        go_on.set()
        assert slow.result() == VERDICT


def test_a_cell_that_cannot_be_judged_is_left_to_the_next(tmp_path):
    def refuse():
        raise DataError("No samples.")

    with pytest.raises(DataError):
        SharedVerdicts(str(tmp_path)).judged("c", CELLS, refuse)
    assert SharedVerdicts(str(tmp_path)).judged("c", CELLS, lambda: VERDICT) == VERDICT
