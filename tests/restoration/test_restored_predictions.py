"""Models see restored pixels, each image is restored once for all of them, and a second run does nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from evaluating import evaluate, project
from tiny_restorers import Shift, narrow_gfpgan, save_with_card
from tiny_suite import SUITE, Reader, write_suite

from harness.cli.examine import examine
from harness.engine import Evidence
from harness.engine.work import find_work
from harness.errors import Unavailable, UsageError
from harness.predictions import Cell
from harness.store.pixels import PixelStore

TEXT = (
    SUITE.replace('["tiny:test"]', '["tiny:test"]\nrestorations = ["none", "shift", "nearest-8", "face"]')
    + """
[models.perfect]
adapter = "reader"

[restorations.shift]
adapter = "tiny_restorers:Shift"

[restorations.nearest-8]
adapter = "nearest"
size = 8

[restorations.face]
adapter = "gfpgan"
weights = "face.safetensors"
colour = "grey"
"""
)


def cell(restoration: str, model: str = "perfect", split: str = "test") -> Cell:
    return Cell(model, "tiny", split, restoration)


@pytest.fixture
def run(tmp_path: Path):
    """A run of some cells; each call is a new one."""

    def run(*cells: Cell, text: str = TEXT, **settings) -> Evidence:
        return evaluate(*project(tmp_path, text, **settings), cells).evidence

    return run


def test_a_model_answers_what_the_restored_pixels_say(run):
    evidence = run(*map(cell, ("none", "shift", "nearest-8")))
    plain, shifted, larger = (evidence.predictions(cell(name)) for name in ("none", "shift", "nearest-8"))
    assert np.array_equal(plain.answers, plain.gold)
    assert np.array_equal(shifted.answers, (shifted.gold + 1) % 3)
    assert np.array_equal(larger.answers, larger.gold)
    assert list(shifted.table["sample_id"]) == list(plain.table["sample_id"])
    assert list(shifted.groups) == list(plain.groups)
    seen = evidence.samples(cell("nearest-8"))
    assert seen.pixels(0).shape == (8, 8)
    assert list(larger.table["pixel_digest"]) == seen.digests
    assert evidence.samples(cell("none")) is evidence.bench.dataset("tiny", "test")


def test_images_are_restored_once_for_all_models_and_a_warm_run_does_nothing(run, monkeypatch):
    cells = [cell("shift", model) for model in ("perfect", "good", "middling")]
    first = run(*cells)
    tables = [first.predictions(one).table for one in cells]
    assert (Shift.loads, Shift.shown) == ({1: 1}, {1: 90})
    assert Reader.loads == {"0": 1, "10": 1, "3": 1}
    monkeypatch.setattr(PixelStore, "pixels", None)
    warm = run(*cells)
    assert all(warm.predictions(c).table.equals(t) for c, t in zip(cells, tables, strict=True))
    assert warm.report.loads == {"restore": {}, "answer": {}}
    assert warm.report.restoration_costs == first.report.restoration_costs
    assert [(c["restoration"], c["images"]) for c in warm.report.restoration_costs] == [("shift", 90)]


def test_one_load_restores_all_that_is_planned(run):
    train = cell("shift", "good", "train")
    evidence = run(cell("shift"), train, cell("shift", "outside", "absent"))
    assert (Shift.loads, Shift.shown) == ({1: 1}, {1: 120})
    assert len(evidence.predictions(train)) == 30


def test_a_model_is_loaded_once_for_all_its_restorations(run):
    evidence = run(*map(cell, ("none", "shift", "nearest-8", "face")))
    assert Reader.images == {"0": 270}
    assert evidence.report.loads["answer"] == {"perfect": 1}
    assert len(evidence.predictions(cell("shift"))) == 90
    with pytest.raises(Unavailable, match=r"face\.safetensors is not in .*Download it"):
        evidence.predictions(cell("face"))


def test_images_are_not_restored_for_a_model_that_is_absent(run):
    text = TEXT + "[models.net]\nadapter = 'timm'\ncheckpoint = 'net.safetensors'\n"
    evidence = run(cell("shift", "net", "train"), cell("shift"), text=text)
    with pytest.raises(Unavailable, match=r"net\.safetensors"):
        evidence.predictions(cell("shift", "net", "train"))
    assert Shift.shown == {1: 90}


def test_answers_are_apart_by_restorer_and_shared_by_names(run):
    renamed = TEXT.replace("restorations.shift]", "restorations.moved]").replace('"shift"', '"moved"')
    run(cell("shift"))
    run(cell("moved"), text=renamed)
    assert (Shift.loads, Reader.loads) == ({1: 1}, {"0": 1})
    run(cell("shift"), text=TEXT.replace(':Shift"', ':Shift"\nby = 2'))
    assert (Shift.loads, Reader.loads) == ({1: 1, 2: 1}, {"0": 2})


def test_a_limit_restores_only_its_samples(run):
    limited = run(cell("shift"), limit=9).predictions(cell("shift"))
    assert np.bincount(limited.gold).tolist() == [3, 3, 3]
    assert Shift.shown == {1: 9}
    assert np.array_equal(limited.answers, (limited.gold + 1) % 3)


def test_failures_of_the_restorer_stay_in_the_denominator(run):
    text = TEXT.replace(':Shift"', ':Shift"\nbroken = [4, 7]')
    predictions = run(cell("shift"), text=text).predictions(cell("shift"))
    failed = predictions.table[predictions.table["outcome"] == "failed"]
    assert len(predictions) == 90
    assert sorted(failed["sample_id"]) == ["test/happy/004.png", "test/happy/007.png"]
    assert failed["reason"].str.contains("was not restored by shift: FloatingPointError").all()
    (problem,) = predictions.problems
    assert problem.startswith(
        "test/happy/004.png, test/happy/007.png: not restored by shift (FloatingPointError"
    )


def test_an_unreadable_image_is_left_out_with_its_reason(run, tmp_path):
    write_suite(tmp_path)
    broken = tmp_path / "data" / "tiny" / "test" / "happy" / "001.png"
    broken.write_bytes(broken.read_bytes()[:30])
    allowing = TEXT.replace('adapter = "images"', 'adapter = "images"\nmax_missing = 0.02')
    predictions = run(cell("shift"), text=allowing).predictions(cell("shift"))
    assert len(predictions) == 89
    assert "cannot be decoded" in predictions.unreadable["test/happy/001.png"]
    assert "test/happy/001.png: cannot be decoded" in predictions.problems[0]
    assert (predictions.table["outcome"] == "parsed").all()


def test_answers_given_elsewhere_are_held_against_their_own_restoration(run, tmp_path):
    write_suite(tmp_path)
    text = TEXT.replace('path = "outside.csv"', 'path = "outside.csv"\nrestoration = "gfpgan-2021"')
    cells = [cell(name, "outside") for name in ("gfpgan-2021", "shift")]
    evidence = run(*cells, text=text)
    assert len(evidence.predictions(cells[0])) == 90
    with pytest.raises(Unavailable, match="given on pixels restored by gfpgan-2021, not shift"):
        evidence.predictions(cells[1])
    assert Shift.loads == {}


def test_answers_are_computed_from_what_find_work_saw(run):
    evidence = run(cell("shift"))
    bench, (need,) = evidence.bench, evidence.bench.needs(cell("shift"))
    identity = need.asked[0].identity
    assert (identity.restorer, identity.restorer_weights) == ("shift", "")
    assert find_work(identity, evidence.samples(cell("shift")), bench.store).missing == []
    assert len(find_work(identity, evidence.samples(cell("none")), bench.store).missing) == 90


def test_a_gfpgan_in_the_suite_restores_for_a_model(run, tmp_path):
    save_with_card(tmp_path / "face.safetensors", narrow_gfpgan())
    evidence = run(cell("face"), limit=6)
    assert len(evidence.predictions(cell("face"))) == 6
    assert evidence.samples(cell("face")).pixels(0).shape == (224, 224)
    (need,) = evidence.bench.needs(cell("face"))
    weights, identity = evidence.bench.restorer("face").identity("cpu").weights, need.asked[0].identity
    assert (identity.restorer, identity.restorer_weights) == ("gfpgan", weights)


def test_the_doctor_looks_at_every_restoration(tmp_path):
    save_with_card(tmp_path / "bad.safetensors", narrow_gfpgan())
    more = "[restorations.bad]\nadapter = 'gfpgan'\nweights = 'bad.safetensors'\nsha256 = 'ab'\n"
    suite, _ = project(tmp_path, TEXT + more)
    findings = {f.what: f for f in examine(suite, tmp_path / "data", tmp_path / "store")}
    assert [findings[f"restoration {n}"].ok for n in ("none", "shift", "nearest-8")] == [True] * 3
    assert "face.safetensors is not in" in findings["restoration face"].state
    assert "have the sha256" in findings["restoration bad"].state
    assert not findings["restoration face"].ok
    assert not findings["restoration bad"].ok


def test_the_doctor_looks_at_weights_without_importing_anything_heavy(tmp_path):
    save_with_card(tmp_path / "face.safetensors", narrow_gfpgan())
    project(tmp_path, TEXT.partition("[models")[0] + "[restorations" + TEXT.partition("[restorations")[2])
    script = (
        "import sys; from pathlib import Path; from harness.cli.examine import examine;"
        "from harness.suite import Suite; here = Path(sys.argv[1]);"
        "found = examine(Suite.read(here / 'suite.toml'), here / 'data', here / 'store');"
        "print([f.ok for f in found if f.what == 'restoration face']);"
        "print([name for name in ('torch', 'spandrel', 'torchvision') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.splitlines() == ["[True]", "[]"], done.stderr


class TestSuite:
    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (
                '"nearest-8", "face"',
                '"nearest-9"',
                "names the restoration 'nearest-9'. Use",
            ),
            ("[restorations.shift]", "[restorations.none]", "has \\[restorations.none\\], which leaves"),
            (
                "[restorations.face]",
                "[restorations]\nface = 3\n[models.x]",
                "restorations = .*Write \\[restorations.NAME\\]",
            ),
        ],
    )
    def test_wrong_tables_are_refused(self, tmp_path, old, new, message):
        with pytest.raises(UsageError, match=message):
            project(tmp_path, TEXT.replace(old, new))

    def test_names_that_only_others_use_are_known(self, tmp_path):
        given = TEXT.replace('"face"]', '"face", "elsewhere", "lanczos", "gfpgan"]')
        with pytest.raises(UsageError, match="'elsewhere'"):
            project(tmp_path, given)
        also = given.replace('path = "outside.csv"', 'path = "outside.csv"\nrestoration = "elsewhere"')
        assert "elsewhere" in project(tmp_path, also)[0].profile("default").restorations
