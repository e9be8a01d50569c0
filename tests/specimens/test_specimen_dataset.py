import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.specimens import drawn
from fixtures.specimens.dataset import load
from fixtures.specimens.degrade import Degradation, degrade
from fixtures.specimens.drawn import pictures
from fixtures.specimens.people import FER_COUNTS, SPLITS, plan, specimen
from harness.datasets import load_dataset
from harness.errors import UsageError

ROOT = Path(__file__).parents[2]
ADAPTER = "fixtures.specimens.dataset:load"
# Of the drawings as they are; whoever changes how faces are drawn trains the specimens anew.
FINGERPRINTS = {
    "clean": "03e96e9df0fbbaf3028495e3480d790202d92047bd90b355bbc51b9bad2581ad",
    "fer": "b77ebc2a670ff3cad73eee931fd3119356a8b04f5ad80b29ec7674166dc86780",
}


@pytest.fixture(scope="module")
def face():
    return specimen("test", 3).draw(96)


def test_nobody_is_in_two_splits():
    people = {split: {person for _, person in plan(split)} for split in SPLITS}
    assert {split: len(of) for split, of in people.items()} == {s: count for s, (_, count) in SPLITS.items()}
    assert (
        not people["train"] & people["val"]
        | people["train"] & people["test"]
        | people["val"] & people["test"]
    )
    # and a name is not all that tells them apart
    looks = {specimen(split, number).who for split in SPLITS for number in range(25)}
    assert len(looks) == len({specimen(split, n).person for split in SPLITS for n in range(25)})


@pytest.mark.parametrize("split", SPLITS)
def test_labels_are_as_unbalanced_as_those_of_fer2013(split):
    counts, total = Counter(label for label, _ in plan(split)), sum(FER_COUNTS.values())
    for label, count in FER_COUNTS.items():
        assert abs(counts[label] - count * len(plan(split)) / total) <= 1


def test_the_suite_reads_both_looks_of_the_same_people(tmp_path):
    clean = load_dataset({"adapter": ADAPTER}, "specimen", "test", tmp_path)
    fer = load_dataset({"adapter": ADAPTER, "look": "fer"}, "specimen-fer", "test", tmp_path)
    assert clean.pixels(0).shape == (96, 96, 3)
    assert fer.pixels(0).shape == (48, 48)
    assert clean.samples == fer.samples
    assert clean.groups == [person for _, person in plan("test")]
    assert clean.stamp != fer.stamp


@pytest.mark.parametrize("look", drawn.LOOKS)
def test_the_pictures_are_those_that_the_specimens_were_made_for(tmp_path, look):
    assert load(tmp_path, "test", look=look).fingerprint == FINGERPRINTS[look]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "dev"}, "split specimen:dev. Use one of: train, val, test"),
        ({"look": "old"}, "look 'old'. Use one of: clean, fer"),
        ({"size": 9}, "size 9. Give a whole number from 16 to 1024"),
        ({"size": "big"}, "size 'big'"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        load(tmp_path, **{"split": "test", **options})


@pytest.mark.parametrize("look", drawn.LOOKS)
def test_the_first_pictures_are_those_of_the_whole(look):
    assert np.array_equal(drawn.first("val", look, 3), drawn.pictures("val", look)[:3])


def test_pictures_are_drawn_once_and_kept(tmp_path, monkeypatch):
    code = "from fixtures.specimens.drawn import pictures; print(pictures('val', size=16).sum())"
    few = "import fixtures.specimens.people as p; p.SPLITS['val'] = (6, 60)\n"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    body = f"if __name__ == '__main__':\n    {few}    {code}"
    first = run(tmp_path, body)
    (kept,) = tmp_path.glob("emotion-harness/specimens/*/val-clean-16.npy")
    np.save(kept, np.load(kept) // 2)  # what is read is what lies there
    assert 0 < int(run(tmp_path, body)) < int(first)
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept))  # no folder: nothing can be kept
    assert run(tmp_path, body) == first


def run(folder: Path, body: str) -> str:
    script = folder / "draw.py"
    script.write_text(body)
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, str(script)], env=env, capture_output=True, text=True, check=True
    ).stdout


# The look of FER-2013


def test_a_picture_suffers_alike_every_time_and_otherwise_under_another_seed(face):
    assert (degrade(face, 1) == degrade(face, 1)).all()
    assert (degrade(face, 1) != degrade(face, 2)).any()
    assert degrade(face, 1).shape == (48, 48)


NOTHING = Degradation(occlusion=0, grey=False, size=0, tone=0, blur=0, noise=0, jpeg=0)


def test_without_any_step_nothing_happens(face):
    assert (degrade(face, 1, NOTHING) == face).all()


@pytest.mark.parametrize(
    "step",
    [
        {"occlusion": 1.0},
        {"grey": True},
        {"size": 48},
        {"tone": 0.3},
        {"blur": 0.9},
        {"noise": 9.0},
        {"jpeg": 50},
    ],
)
def test_each_step_alone_changes_the_picture(face, step):
    result = degrade(face, 1, replace(NOTHING, **step))
    assert result.shape != face.shape or (result != face).any()


def detail(image):
    grey = image.astype(float) if image.ndim == 2 else image.mean(axis=2)
    return np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()


@given(weak=st.floats(0.2, 0.7), more=st.floats(0.2, 0.7), seed=st.integers(0, 10))
@settings(max_examples=20, deadline=None)
def test_more_blur_leaves_less_detail(face, weak, more, seed):
    one, two = (degrade(face, seed, replace(NOTHING, blur=blur)) for blur in (weak, weak + more))
    assert detail(two) < detail(one) <= detail(face)


@given(seed=st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_noise_has_the_strength_that_was_asked_for(face, seed):
    flat = np.full((64, 64, 3), 128, np.uint8)
    spread = degrade(flat, seed, replace(NOTHING, noise=12.0)).astype(float).std()
    assert 0.2 * 12 * 0.9 < spread < 12 * 1.1


@given(size=st.integers(16, 96))
@settings(max_examples=20, deadline=None)
def test_a_smaller_picture_keeps_its_brightness(face, size):
    small = degrade(face, 0, replace(NOTHING, size=size))
    assert small.shape == (size, size, 3)
    assert abs(small.mean() - face.mean()) < 1


def test_pictures_are_not_to_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        pictures("test", "fer")[0, 0, 0] = 1
