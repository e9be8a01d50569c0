"""Several accelerators, a process each; here two that no model uses, which is all that the engine sees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from evaluating import bench
from test_processes import TEXT, cell
from tiny_suite import Reader, write_suite

from harness.engine import Devices, Evidence, Local, engine_for, make_plan
from harness.engine.devices import VISIBLE, accelerators

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
    engine = Devices(opened, ["0", "1"], run=None, progress=lambda *step: done.append(step))
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
    report = Devices(opened, ["0", "1"], run=None, progress=print).run(make_plan(opened, restored))
    assert report.loads == {"restore": {"nearest-2": 1}, "answer": {"good": 1, "middling": 1}}
    assert [cost["images"] for cost in report.restoration_costs] == [90]


def test_a_process_that_dies_is_replaced_and_its_model_named(opened):
    cells = [cell(model) for model in ("fatal", "good", "deadly", "middling")]
    report = Devices(opened, ["0", "1"], run=None, progress=print).run(make_plan(opened, cells))
    assert report.loads["answer"] == {"good": 1, "middling": 1}
    assert set(report.failures["answer"]) == {"fatal", "deadly"}
    for failure in report.failures["answer"].values():
        assert "died. Run it alone to see why" in failure.message


def test_one_accelerator_or_none_needs_no_further_process(opened, monkeypatch):
    monkeypatch.setenv(VISIBLE, "3")
    assert accelerators() == ["3"]
    opened.device = "cuda"
    assert isinstance(engine_for(opened, run=None, progress=print), Local)
    monkeypatch.setenv(VISIBLE, "3,5")
    assert isinstance(engine_for(opened, run=None, progress=print), Devices)
    opened.device = "cpu"
    assert isinstance(engine_for(opened, run=None, progress=print), Local)
