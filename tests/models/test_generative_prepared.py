"""What a processor makes of images can be made ahead, in another thread, and changes no answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tiny_vlms import pictures, save_llava, save_llava_next, save_qwen2_vl
from vlm_questions import LABELS, MIXED, ask, load

from harness.models.generative import LoadedVlm

IMAGES = pictures((48, 48), (90, 40, 3), (48, 48, 3))
WRITTEN = [ask(score=False, max_tokens=3), ask(LABELS[::-1], score=False, max_tokens=3)]


@pytest.fixture(params=[save_llava, save_llava_next, save_qwen2_vl], ids=["llava", "llava_next", "qwen2_vl"])
def model(request, tmp_path) -> LoadedVlm:
    return load(request.param(tmp_path / "model"))


@pytest.fixture
def calls(model, monkeypatch) -> list[str]:
    """Texts that the processor is asked about, with an image each."""
    texts: list[str] = []
    inputs = model.encoder.inputs
    monkeypatch.setattr(
        model.encoder, "inputs", lambda text, image: texts.append(text) or inputs(text, image)
    )
    return texts


def test_prepared_images_get_the_same_answers_and_the_processor_is_not_asked_again(model, calls):
    scores = model.score(IMAGES, MIXED[:4])
    texts = [[one.text for one in row] for row in model.generate(IMAGES, WRITTEN)]
    ready = model.prepare(IMAGES)
    calls.clear()
    for ours, expected in zip(model.score(ready, MIXED[:4]), scores, strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert [[one.text for one in row] for row in model.generate(ready, WRITTEN)] == texts
    assert calls == []


def test_what_was_prepared_serves_other_questions_about_the_same_beginning(model, calls):
    model.score(IMAGES[:1], MIXED[:2])
    ready = model.prepare(IMAGES)
    other = ask(LABELS[2:5], text="What is it that this person may feel?")
    calls.clear()
    (scores,) = model.score(ready, [other])
    # Only where a question begins is found out anew, once per question.
    assert len(calls) == 1
    np.testing.assert_allclose(scores, model.score(IMAGES, [other])[0], atol=1e-4)


def test_images_prepared_before_anything_is_known_are_answered_all_the_same(model):
    ready = model.prepare(IMAGES)
    np.testing.assert_array_equal(model.score(ready, [ask()])[0], model.score(IMAGES, [ask()])[0])


def test_one_thread_prepares_while_another_asks(model):
    expected = model.score(IMAGES, MIXED[:4])
    with ThreadPoolExecutor(1) as ahead:
        following = ahead.submit(model.prepare, IMAGES)
        for _ in range(5):
            ready, following = following.result(), ahead.submit(model.prepare, IMAGES)
            for ours, scores in zip(model.score(ready, MIXED[:4]), expected, strict=True):
                np.testing.assert_array_equal(ours, scores)


def test_an_image_that_cannot_be_prepared_fails_when_it_is_asked_about(model, monkeypatch):
    model.score(IMAGES, [ask()])
    inputs = model.encoder.inputs

    def odd(text, picture):
        if picture.size == (40, 90):
            raise ValueError("image is odd")
        return inputs(text, picture)

    monkeypatch.setattr(model.encoder, "inputs", odd)
    ready = model.prepare(IMAGES)
    assert np.isfinite(model.score([ready[0], ready[2]], [ask()])[0]).all()
    with pytest.raises(ValueError, match="image is odd"):
        model.score(ready, [ask()])
