"""Several processes: an accelerator each, here two that no model uses, or some of the cores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from evaluating import bench
from test_processes import TEXT, cell
from tiny_suite import Reader, write_suite

from harness.engine import Devices, Evidence, Local, engine_for, make_plan
from harness.engine.devices import THREADS, VISIBLE, accelerators, places_of
from harness.predictions import Cell

PLACES = [{VISIBLE: "0"}, {VISIBLE: "1"}]
TELLING = (
    TEXT
    + "".join(
        f"[models.telling{number}]\nadapter = 'test_devices:Telling'\nevery = {number}\n" for number in (5, 6)
    )
    + "[restorations.nearest-2]\nadapter = 'nearest'\nsize = 2\n"
)


class Telling(Reader):
    """Says in a file which accelerator its process sees."""

    def load(self, device: str, dtype: str) -> Reader:
        Path(os.environ["TOLD"]).joinpath(os.environ[VISIBLE]).touch()
        return super().load(device, dtype)


@pytest.fixture
def opened(tmp_path, monkeypatch):
    (tmp_path / "told").mkdir()
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    write_suite(tmp_path, TELLING)
    return bench(tmp_path, TELLING)


def test_each_process_sees_one_and_all_is_answered_as_in_one_process(opened, tmp_path):
    models = ("good", "middling", "telling5", "telling6")
    cells = [cell(model) for model in models]
    done: list[tuple[str, int, int]] = []
    engine = Devices(opened, PLACES, run=None, progress=lambda *step: done.append(step))
    report = engine.run(make_plan(opened, cells))
    assert report.loads["answer"] == dict.fromkeys(models, 1)
    assert report.failures == {"restore": {}, "answer": {}}
    assert {path.name for path in (tmp_path / "told").iterdir()} <= {"0", "1"}
    assert {worker for worker, *_ in done} == set(models)
    assert not make_plan(opened, cells)
    alone = bench(tmp_path / "alone", TELLING) if write_suite(tmp_path / "alone", TELLING) else None
    Local(alone).run(make_plan(alone, cells[:2]))
    for one in cells[:2]:
        ours, theirs = (Evidence(of, report).predictions(one).table for of in (opened, alone))
        assert ours.drop(columns="latency_s").equals(theirs.drop(columns="latency_s"))


def test_restored_pixels_are_there_before_models_look_at_them(opened):
    cells = [cell("good"), cell("middling")]
    restored = [type(one)(one.model, one.dataset, one.split, "nearest-2") for one in cells]
    report = Devices(opened, PLACES, run=None, progress=print).run(make_plan(opened, restored))
    assert report.loads == {"restore": {"nearest-2": 1}, "answer": {"good": 1, "middling": 1}}
    assert [cost["images"] for cost in report.restoration_costs] == [90]


def test_a_process_that_dies_is_replaced_and_its_model_named(opened):
    cells = [cell(model) for model in ("fatal", "good", "deadly", "middling")]
    report = Devices(opened, PLACES, run=None, progress=print).run(make_plan(opened, cells))
    assert report.loads["answer"] == {"good": 1, "middling": 1}
    assert set(report.failures["answer"]) == {"fatal", "deadly"}
    for failure in report.failures["answer"].values():
        assert "died. Run it alone to see why" in failure.message


def test_there_is_a_process_for_each_accelerator_or_as_many_as_the_user_has_granted(opened, monkeypatch):
    def kind(device: str, cells: list[Cell], processes: int = 1) -> type:
        opened.device = "cpu"
        plan = make_plan(opened, cells)
        opened.device = device
        return type(engine_for(opened, plan, processes=processes, run=None, progress=print))

    both, one = [cell("good"), cell("middling")], [cell("good")]
    monkeypatch.setenv(VISIBLE, "3")
    assert accelerators() == ["3"]
    assert kind("cuda", both, processes=4) is Local
    monkeypatch.setenv(VISIBLE, "3,5")
    assert (kind("cuda", both), kind("cuda", one), kind("cuda", [])) == (Devices, Local, Local)
    assert (kind("cpu", both), kind("cpu", both, processes=4)) == (Local, Devices)
    assert kind("cpu", one, processes=4) is Local
    assert kind("mps", both, processes=4) is Local


def test_processes_share_the_cores(monkeypatch):
    monkeypatch.setenv(THREADS, "6")
    assert places_of("cpu", 2) == [{THREADS: "3"}] * 2
    assert places_of("cpu", 8) == [{THREADS: "1"}] * 8
