"""The GFPGAN specimen mends what the CLIP specimen cannot read, through the adapter of the real one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from specimen_sample import CHECKPOINTS, TINY, load

from fixtures.specimens.trainers import clip, restorer
from fixtures.specimens.trainers.figures import FIRST, answered
from harness.statistics import mcnemar

pytestmark = pytest.mark.xdist_group("specimens")  # one worker draws the faces

FOLDER = CHECKPOINTS / "gfpgan"
SIDE = restorer.SIDE


@pytest.fixture(scope="module")
def degraded():
    return load(Path(), "test", name="specimen-fer", look="fer")


@pytest.fixture(scope="module")
def clean():
    return load(Path(), "test", name="specimen", look="clean")


@pytest.fixture(scope="module")
def restored(degraded):
    """Restorer -> pictures."""
    images = [degraded.pixels(index) for index in range(len(degraded))]
    return {name: restorer.restore(FOLDER, name)(images) for name in restorer.ENTRIES}


@pytest.fixture(scope="module")
def right(degraded, restored):
    """Restorer, or `none` -> which pictures the CLIP specimen gets right."""
    model = clip.answers(CHECKPOINTS / "clip")
    given = {name: model(images) for name, images in restored.items()}
    given["none"] = answered(degraded, model)
    return {name: answers == degraded.gold for name, answers in given.items()}


def test_it_gives_faces_in_colour_the_same_each_time(degraded, restored):
    first = restored["gfpgan"][:8]
    assert all((image.shape, image.dtype) == ((SIDE, SIDE, 3), np.uint8) for image in first)
    assert np.ptp(np.stack(first).astype(int), axis=3).mean() > 10
    again = restorer.restore(FOLDER, "gfpgan")([degraded.pixels(index) for index in range(8)])
    assert all((one == other).all() for one, other in zip(first, again, strict=True))


def test_they_are_nearer_to_the_clean_ones_than_the_controls(clean, restored):
    def error(images: list[np.ndarray]) -> np.ndarray:
        pairs = zip(images, (clean.pixels(index) for index in range(len(clean))), strict=True)
        return np.array([distance(image, face) for image, face in pairs])

    def distance(image: np.ndarray, face: np.ndarray) -> float:
        target = Image.fromarray(face).resize((SIDE, SIDE), Image.Resampling.BICUBIC).convert("L")
        return float(
            np.abs(np.asarray(Image.fromarray(image).convert("L"), float) - np.asarray(target)).mean()
        )

    one, other = error(restored["gfpgan"]), error(restored["bicubic"])
    assert one.mean() < 0.9 * other.mean()
    assert (one < other).mean() > 2 / 3


def test_clip_reads_them_as_the_card_says(right):
    card = json.loads((FOLDER / "gfpgan.json").read_text(encoding="utf-8"))
    for name, found in right.items():
        # Other processors round differently and flip an answer now and then.
        assert abs(int(found.sum()) - card["figures"][name][f"right of the first {FIRST}"]) <= 3


@pytest.mark.parametrize("control", ["bicubic", "none"])
def test_it_helps_clip_and_the_control_does_not(right, control):
    one, other = right["gfpgan"], right[control]
    assert one.sum() > other.sum()
    assert mcnemar(int((one & ~other).sum()), int((other & ~one).sum())) < 0.001


def test_it_is_small_and_its_files_name_no_place():
    files = list(FOLDER.iterdir())
    assert sum(path.stat().st_size for path in files) < 1.6e6
    assert not any(str(CHECKPOINTS.parents[2]).encode() in path.read_bytes() for path in files)


@pytest.mark.usefixtures("tiny_splits")
def test_it_is_trained_from_end_to_end_the_same_each_time(tmp_path):
    weights = []
    for name in ("one", "again"):
        figures = restorer.train(tmp_path / name, 0, clip=CHECKPOINTS / "clip", steps=2)
        assert figures["gfpgan"]["n"] == TINY["test"][0]
        weights.append((tmp_path / name / restorer.FILE).read_bytes())
    assert weights[0] == weights[1]
    assert weights[0] != (FOLDER / restorer.FILE).read_bytes()
