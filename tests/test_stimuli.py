"""Pictures are keyed as they always were, and clips go the same way from the data set to the model."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from moving import LABELS, SUITE, clip, clips

from harness.errors import DataError
from harness.stimuli import Clip, Picture, Stimulus, shown, stimulus_of
from tests.command import process

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)
RGB = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)


@pytest.mark.parametrize("pixels", [GREY, RGB])
def test_a_picture_is_one_frame_and_has_the_digest_of_its_pixels(pixels):
    picture = stimulus_of(pixels)
    assert isinstance(picture, Stimulus)
    assert picture.frames().shape == (1, 3, 4, 1 if pixels.ndim == 2 else 3)
    assert picture.fps is None
    head = f"{pixels.shape}|u1".encode()
    assert picture.digest == hashlib.sha256(head + pixels.tobytes()).hexdigest()


def test_what_looks_different_has_another_digest():
    frames = np.stack([RGB, RGB + 1])
    still = Clip(RGB[None], 25)
    seen = [Picture(RGB), still, Clip(frames, 25), Clip(frames, 24), Clip(frames[::-1], 25)]
    assert len({one.digest for one in seen}) == len(seen)
    assert Clip(frames.copy(), 25.0).digest == Clip(frames, 25).digest


def test_adapters_are_handed_what_they_take():
    stimuli = [Picture(GREY), Picture(RGB)]
    assert [one.shape for one in shown(stimuli, "image")] == [(3, 4), (3, 4, 3)]
    assert [one.shape for one in shown(stimuli, "frames")] == [(1, 3, 4, 1), (1, 3, 4, 3)]
    assert shown([*stimuli, clip(0)], "video")[2].fps == 12.5
    assert shown([Clip(GREY[None, :, :, None], 1)], "image")[0].tolist() == GREY.tolist()
    with pytest.raises(DataError, match="A clip of 4 frames is no picture"):
        shown([clip(0)], "image")


@pytest.mark.parametrize("shape", [(3, 4, 3), (0, 3, 4, 3), (2, 3, 4, 2)])
def test_a_clip_has_frames(shape):
    with pytest.raises(DataError, match=r"Give \(T, H, W, C\)"):
        Clip(np.zeros(shape, np.uint8), 25)


def test_a_clip_in_the_gallery_is_its_middle_frame():
    assert clips(None, "test", name="moving").pixels(1).tolist() == clip(1).frames()[2, :, :, 0].tolist()


class TestTheWayOfAClip:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "suite.toml").write_text(SUITE)
        return tmp_path

    def answers(self, folder, restoration):
        out = folder / f"{restoration}.csv"
        arguments = ("watcher", "--dataset", "moving:test", "--restoration", restoration, "--out", out)
        done = process(folder, "predict", *arguments, "--suite", folder / "suite.toml", "--device", "cpu")
        assert done.status == 0, done.err
        rows = [line.replace('"', "").split(",") for line in out.read_text().splitlines()[1:]]
        return [LABELS.index(row[2]) for row in rows]

    def test_from_the_data_set_through_a_restorer_of_pictures_to_a_model_that_takes_frames(self, folder):
        right = [number % 2 for number in range(10)]
        assert self.answers(folder, "none") == right
        turned = [1 - answer for answer in right]
        assert self.answers(folder, "mirror") == turned
        assert self.answers(folder, "mirror") == turned  # from the store

    def test_a_model_that_takes_pictures_is_not_shown_clips(self, folder):
        arguments = ("still", "--dataset", "moving:test", "--suite", folder / "suite.toml", "--device", "cpu")
        error = process(folder, "predict", *arguments).error
        assert "still takes pictures, and moving:test has clips. Use a model that takes frames" in error
