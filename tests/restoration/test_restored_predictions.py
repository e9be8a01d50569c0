"""Models see restored pixels, each image is restored once for all of them, and a second run does nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_restorers import Shift, narrow_gfpgan, save_with_card
from tiny_suite import SUITE, Reader, write_answers, write_suite

from harness.doctor import examine
from harness.errors import Unavailable, UsageError
from harness.models.registry import ADAPTERS
from harness.predictions import Cell
from harness.predictions.pixel_store import PixelStore
from harness.predictions.runner import find_work
from harness.predictor import Predictor
from harness.settings import Settings
from harness.suite import Suite

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


@pytest.fixture(autouse=True)
def _fresh(monkeypatch):
    monkeypatch.setitem(ADAPTERS, "reader", "tiny_suite:Reader")
    for which, name in ((Shift, "loads"), (Shift, "shown"), (Reader, "loads"), (Reader, "images")):
        monkeypatch.setattr(which, name, type(Shift.loads)())


@pytest.fixture
def start(tmp_path: Path):
    """A predictor on the tiny suite; each call is a new process as far as it can tell."""
    write_suite(tmp_path, TEXT)

    def start(text: str = TEXT, **settings) -> Predictor:
        (tmp_path / "suite.toml").write_text(text)
        values = {"data_root": tmp_path / "data", "store": tmp_path / "store", "device": "cpu", **settings}
        return Predictor(Suite.read(tmp_path / "suite.toml"), Settings(batch_size=16, **values))

    return start


def test_a_model_answers_what_the_restored_pixels_say(start):
    predictor = start()
    plain, shifted, larger = (predictor.predictions(cell(name)) for name in ("none", "shift", "nearest-8"))
    assert np.array_equal(plain.answers, plain.gold)
    assert np.array_equal(shifted.answers, (shifted.gold + 1) % 3)
    assert np.array_equal(larger.answers, larger.gold)
    assert list(shifted.table["sample_id"]) == list(plain.table["sample_id"])
    assert list(shifted.groups) == list(plain.groups)
    seen = predictor.samples(cell("nearest-8"))
    assert seen.pixels(0).shape == (8, 8)
    assert list(larger.table["pixel_digest"]) == seen.digests
    assert predictor.samples(cell("none")) is predictor.dataset("tiny", "test")


def test_images_are_restored_once_for_all_models_and_a_warm_run_does_nothing(start, monkeypatch):
    cells = [cell("shift", model) for model in ("perfect", "good", "middling")]
    first = start()
    first.planned = cells
    answers = [first.predictions(one).table for one in cells]
    assert (Shift.loads, Shift.shown) == ({1: 1}, {1: 90})
    assert Reader.loads == {"0": 1, "10": 1, "3": 1}
    monkeypatch.setattr(PixelStore, "pixels", None)
    warm = start()
    warm.planned = cells
    assert all(warm.predictions(c).table.equals(t) for c, t in zip(cells, answers, strict=True))
    assert (warm.loads, warm.sources.restorations.loads) == ({}, {})
    assert warm.restoration_costs == first.restoration_costs
    assert [(c["restoration"], c["images"]) for c in warm.restoration_costs] == [("shift", 90)]


def test_one_load_restores_all_that_is_planned(start):
    predictor = start()
    predictor.planned = [cell("shift"), cell("shift", "good", "train"), cell("shift", "outside", "absent")]
    predictor.predictions(cell("shift"))
    assert (Shift.loads, Shift.shown) == ({1: 1}, {1: 120})
    predictor.predictions(cell("shift", "good", "train"))
    assert Shift.loads == {1: 1}


def test_a_model_is_loaded_once_for_all_its_restorations(start):
    predictor = start()
    predictor.planned = [cell(name) for name in ("none", "shift", "nearest-8", "face")]
    predictor.predictions(cell("none"))
    assert Reader.images == {"0": 270}
    predictor.predictions(cell("shift"))
    assert predictor.loads == {"perfect": 1}
    with pytest.raises(Unavailable, match=r"face\.safetensors is not in .*Download it"):
        predictor.predictions(cell("face"))


def test_images_are_not_restored_for_a_model_that_is_absent(start):
    text = TEXT + "[models.net]\nadapter = 'timm'\ncheckpoint = 'net.safetensors'\n"
    predictor = start(text)
    with pytest.raises(Unavailable, match=r"net\.safetensors"):
        predictor.predictions(cell("shift", "net"))
    predictor.planned = [cell("shift", "net", "train")]
    predictor.predictions(cell("shift"))
    assert Shift.shown == {1: 90}


def test_answers_are_apart_by_restorer_and_shared_by_names(start):
    renamed = TEXT.replace("restorations.shift]", "restorations.moved]").replace('"shift"', '"moved"')
    start().predictions(cell("shift"))
    start(renamed).predictions(cell("moved"))
    assert (Shift.loads, Reader.loads) == ({1: 1}, {"0": 1})
    start(TEXT.replace(':Shift"', ':Shift"\nby = 2')).predictions(cell("shift"))
    assert (Shift.loads, Reader.loads) == ({1: 1, 2: 1}, {"0": 2})


def test_a_limit_restores_only_its_samples(start):
    limited = start(limit=9).predictions(cell("shift"))
    assert np.bincount(limited.gold).tolist() == [3, 3, 3]
    assert Shift.shown == {1: 9}
    assert np.array_equal(limited.answers, (limited.gold + 1) % 3)


def test_failures_of_the_restorer_stay_in_the_denominator(start):
    predictions = start(TEXT.replace(':Shift"', ':Shift"\nbroken = [4, 7]')).predictions(cell("shift"))
    failed = predictions.table[predictions.table["outcome"] == "failed"]
    assert len(predictions) == 90
    assert sorted(failed["sample_id"]) == ["test/happy/004.png", "test/happy/007.png"]
    assert failed["reason"].str.contains("was not restored by shift: FloatingPointError").all()
    (problem,) = predictions.problems
    assert problem.startswith(
        "test/happy/004.png, test/happy/007.png: not restored by shift (FloatingPointError"
    )


def test_an_unreadable_image_is_left_out_with_its_reason(start, tmp_path):
    broken = tmp_path / "data" / "tiny" / "test" / "happy" / "001.png"
    broken.write_bytes(broken.read_bytes()[:30])
    allowing = TEXT.replace('adapter = "images"', 'adapter = "images"\nmax_missing = 0.02')
    predictions = start(allowing).predictions(cell("shift"))
    assert len(predictions) == 89
    assert "cannot be decoded" in predictions.unreadable["test/happy/001.png"]
    assert "test/happy/001.png: cannot be decoded" in predictions.problems[0]
    assert (predictions.table["outcome"] == "parsed").all()


def test_answers_given_elsewhere_are_held_against_their_own_restoration(start, tmp_path):
    write_answers(tmp_path / "outside.csv", "test", range(90), every=2)
    text = TEXT.replace('path = "outside.csv"', 'path = "outside.csv"\nrestoration = "gfpgan-2021"')
    predictor = start(text)
    assert len(predictor.predictions(cell("gfpgan-2021", "outside"))) == 90
    with pytest.raises(Unavailable, match="given on pixels restored by gfpgan-2021, not shift"):
        predictor.predictions(cell("shift", "outside"))
    assert Shift.loads == {}


def test_the_empty_image_is_restored_with_the_others(start):
    predictor = start()
    asked = Cell("perfect", "tiny", "test", "shift", "plain")
    predictor.samples(asked)
    grey = predictor.sources.empty(asked, lambda done, total: None)
    assert grey.pixels(0).tolist() == [[129] * 4] * 4
    assert (Shift.loads, Shift.shown) == ({1: 1}, {1: 91})


def test_the_lock_of_a_restorer_is_not_taken_within_that_of_a_model(start, monkeypatch):
    held, deepest = [], []

    class Watched:
        def __init__(self, path):
            self.path = path

        def __enter__(self):
            held.append(self.path)
            deepest.append(len(held))

        def __exit__(self, *error):
            held.remove(self.path)

    monkeypatch.setattr("harness.predictor.FileLock", Watched)
    monkeypatch.setattr("harness.predictions.restoring.FileLock", Watched)
    predictor = start()
    predictor.planned = [cell("none"), cell("shift"), cell("nearest-8")]
    predictor.predictions(cell("none"))
    assert len(deepest) == 3
    assert max(deepest) == 1


def test_answers_are_computed_from_what_find_work_saw(start):
    predictor = start()
    predictor.predictions(cell("shift"))
    ((_, asked),) = predictor.needs(cell("shift"))
    identity = asked[0].identity
    assert (identity.restorer, identity.restorer_weights) == ("shift", "")
    assert find_work(identity, predictor.samples(cell("shift")), predictor.store).missing == []
    assert len(find_work(identity, predictor.samples(cell("none")), predictor.store).missing) == 90


def test_a_gfpgan_in_the_suite_restores_for_a_model(start, tmp_path):
    network = narrow_gfpgan()
    save_with_card(tmp_path / "face.safetensors", network)
    predictor = start(limit=6)
    predictor.predictions(cell("face"))
    assert predictor.samples(cell("face")).pixels(0).shape == (224, 224)
    ((_, asked),) = predictor.needs(cell("face"))
    weights = predictor.sources.restorations.restorer("face").identity("cpu").weights
    assert (asked[0].identity.restorer, asked[0].identity.restorer_weights) == ("gfpgan", weights)


def test_the_doctor_looks_at_every_restoration(start, tmp_path):
    save_with_card(tmp_path / "bad.safetensors", narrow_gfpgan())
    more = "[restorations.bad]\nadapter = 'gfpgan'\nweights = 'bad.safetensors'\nsha256 = 'ab'\n"
    suite = start(TEXT + more).suite
    findings = {f.what: f for f in examine(suite, tmp_path / "data", tmp_path / "store")}
    assert [findings[f"restoration {n}"].ok for n in ("none", "shift", "nearest-8")] == [True] * 3
    assert "face.safetensors is not in" in findings["restoration face"].state
    assert "have the sha256" in findings["restoration bad"].state
    assert not findings["restoration face"].ok
    assert not findings["restoration bad"].ok


def test_the_doctor_looks_at_weights_without_importing_anything_heavy(start, tmp_path):
    save_with_card(tmp_path / "face.safetensors", narrow_gfpgan())
    start(TEXT.partition("[models")[0] + "[restorations" + TEXT.partition("[restorations")[2])
    script = (
        "import sys; from pathlib import Path; from harness.doctor import examine;"
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
    def test_wrong_tables_are_refused(self, start, old, new, message):
        with pytest.raises(UsageError, match=message):
            start(TEXT.replace(old, new))

    def test_names_that_only_others_use_are_known(self, start):
        given = TEXT.replace('"face"]', '"face", "elsewhere", "lanczos", "gfpgan"]')
        with pytest.raises(UsageError, match="'elsewhere'"):
            start(given)
        start(given.replace('path = "outside.csv"', 'path = "outside.csv"\nrestoration = "elsewhere"'))
