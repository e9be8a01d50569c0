"""Drawn faces: the same from a seed wherever they are drawn, and moved by their expressions."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from fixtures.specimens.expression import LABELS, Actions, express
from fixtures.specimens.faces import draw_face
from fixtures.specimens.identity import draw_identity
from fixtures.specimens.scene import draw_scene
from harness.labels import label_space

SCRIPT = """
import hashlib
from test_specimen_faces import face
print(hashlib.sha256(face("happy", 1.0).tobytes()).hexdigest())
"""


def face(label: str, intensity: float, who: int = 3, seen: int = 5, size: int = 64) -> NDArray[np.uint8]:
    person, scene = draw_identity(np.random.default_rng(who)), draw_scene(np.random.default_rng(seen))
    return draw_face(person, express(label, intensity), scene, size)


def distance(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_the_labels_are_those_of_fer2013():
    assert label_space("fer2013").labels == LABELS


def test_another_process_draws_the_same_face():
    command = [sys.executable, "-c", SCRIPT]
    environment = {"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7", "PATH": ""}
    found = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert found.stdout.strip() == hashlib.sha256(face("happy", 1.0).tobytes()).hexdigest()


@pytest.mark.parametrize("size", [48, 224])
def test_a_face_has_the_size_asked_for_and_is_in_colour(size):
    picture = face("neutral", 1.0, size=size)
    assert (picture.shape, picture.dtype) == ((size, size, 3), np.uint8)
    assert np.ptp(picture.astype(int), axis=2).max() > 30


@pytest.mark.parametrize("label", [label for label in LABELS if label != "neutral"])
def test_no_intensity_is_a_face_at_rest_and_more_of_it_moves_further(label):
    rest = face("neutral", 0.0)
    assert (face(label, 0.0) == rest).all()
    weak, strong = distance(face(label, 0.3), rest), distance(face(label, 1.0), rest)
    assert 0 < weak < strong


def test_expressions_differ_from_each_other():
    faces = [face(label, 1.0) for label in LABELS]
    gaps = [distance(one, other) for i, one in enumerate(faces) for other in faces[:i]]
    assert min(gaps) > 0.5


def test_people_and_light_differ():
    assert distance(face("sad", 0.8, who=1), face("sad", 0.8, who=2)) > 5
    assert distance(face("sad", 0.8, seen=1), face("sad", 0.8, seen=2)) > 5


@pytest.mark.parametrize(
    ("action", "rows"),
    [("jaw_drop", (0.55, 1.0)), ("inner_brow_raise", (0.1, 0.6)), ("lip_corner_pull", (0.45, 1.0))],
)
def test_a_muscle_moves_its_own_part_of_the_face(action, rows):
    person, scene = draw_identity(np.random.default_rng(3)), draw_scene(np.random.default_rng(5))
    rest, moved = (draw_face(person, acting, scene, 96) for acting in (Actions(), Actions(**{action: 1.0})))
    changed = np.flatnonzero(np.abs(rest.astype(int) - moved).sum(axis=(1, 2)) > 60)
    assert len(changed)
    assert 96 * rows[0] <= changed.min()
    assert changed.max() <= 96 * rows[1]
