"""From the dataset to the processor: the same pixels, once per image, never as a JPEG, never resized."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tiny_vlms import pictures, save_llava
from vlm_questions import MIXED, ask, load

from harness.datasets import load_dataset
from harness.models.generative.pictures import rgb


@pytest.mark.parametrize("shape", [(48, 48), (31, 77, 3)], ids=["grey", "colour"])
def test_the_processor_gets_the_pixels_of_the_dataset(tmp_path, monkeypatch, shape):
    written = pictures(*[shape] * 4)
    for index, image in enumerate(written):
        path = tmp_path / "faces/test" / ("happy" if index % 2 else "sad") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    entry = {"adapter": "images", "space": ["happy", "sad"]}
    dataset = load_dataset(entry, "faces", "test", tmp_path)
    images = [dataset.pixels(index) for index in range(len(dataset))]
    model = load(save_llava(tmp_path / "model"))
    received = spy(model, monkeypatch)
    model.score(images, MIXED[:2])
    assert {tuple(array.shape) for array in received} == {(*shape[:2], 3)}
    expected = [np.stack([image] * 3, -1) if image.ndim == 2 else image for image in written]
    for image in expected:
        assert any(np.array_equal(image, array) for array in received)
    for array in received:
        assert any(np.array_equal(image, array) for image in expected)


def test_each_image_is_processed_once_for_all_questions(tmp_path, monkeypatch):
    model = load(save_llava(tmp_path / "model"))
    questions = [question for question in MIXED if not question.system]
    model.score(pictures((48, 48)), questions)
    received = spy(model, monkeypatch)
    model.score(pictures((48, 48), (48, 48), (50, 60)), questions)
    model.generate(pictures((48, 48), (50, 60)), [ask(score=False, max_tokens=2)])
    # The last two, and what the written answer's first use is held against.
    assert len(received) == 3 + 2 + 1


def spy(model, monkeypatch) -> list[np.ndarray]:
    received: list[np.ndarray] = []
    processor = type(model.encoder.processor)
    call = processor.__call__

    def watched(self, images=None, **options):
        received.extend(np.asarray(image) for image in images)
        return call(self, images=images, **options)

    monkeypatch.setattr(processor, "__call__", watched)
    return received


def test_conversion_keeps_every_value():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(np.asarray(rgb(values)), np.stack([values] * 3, -1))
    colour = np.stack([values, values[::-1], values.T], -1)
    assert np.array_equal(np.asarray(rgb(colour)), colour)
