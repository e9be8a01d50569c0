"""Texts become classifiers as open_clip builds them, and equal texts are embedded once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from tiny_clip import CLIP, SIGLIP, save_clip
from tiny_models import pictures

from harness.errors import UsageError
from harness.models import Context
from harness.models.contrastive.adapter import OpenClipModel
from harness.models.contrastive.zero_shot import class_weights, zero_shot_probabilities
from harness.prompts import Question

LABELS = ("happy", "sad", "angry")
CAPTIONS = ("a photo of a {c} face", "they look {c}", "{c} looking {c}")


def question(captions=CAPTIONS, names=(("happy",), ("sad",), ("angry",)), labels=LABELS) -> Question:
    return Question(text="", labels=labels, answers=labels, captions=captions, names=names)


class Letters:
    """A contrastive model whose texts are embedded by how often they hold some letters."""

    logit_scale = 10.0

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def embed_images(self, images: Sequence[np.ndarray]) -> np.ndarray:
        raise NotImplementedError

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.asked.append(list(texts))
        counts = np.array([[1 + text.count(letter) for letter in "aehps"] for text in texts], float)
        return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("config", [CLIP, SIGLIP], ids=["clip", "siglip"])
def test_classifiers_are_those_of_open_clip(tmp_path, config):
    import open_clip
    import torch
    from PIL import Image

    save_clip(tmp_path / "clip", config=config)
    ours = OpenClipModel(context=Context(tmp_path, tmp_path), model="clip").load("cpu", "float32")
    name = f"local-dir:{tmp_path / 'clip'}"
    bare, _, transform = open_clip.create_model_and_transforms(name)
    templates = [caption.replace("{c}", "{0}") for caption in CAPTIONS]
    classifier = open_clip.build_zero_shot_classifier(
        bare.eval(), open_clip.get_tokenizer(name), LABELS, templates
    )
    (weights,) = class_weights(ours, [question()])
    np.testing.assert_allclose(weights, np.exp(3) * classifier.T.numpy(), atol=1e-4)

    images = pictures(5, (48, 48, 3))
    with torch.inference_mode():
        batch = torch.stack([transform(Image.fromarray(image)) for image in images])
        logits = bare.logit_scale.exp() * bare.encode_image(batch, normalize=True) @ classifier
        if bare.logit_bias is not None:
            logits = logits + bare.logit_bias
    probabilities = zero_shot_probabilities(ours.embed_images(images), weights)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, logits.softmax(dim=1).numpy(), atol=1e-5)


def test_a_class_is_the_mean_over_all_captions_with_all_names():
    model = Letters()
    names = (("happy", "pleased"), ("sad",), ("angry", "cross", "mad"))
    (weights,) = class_weights(model, [question(names=names)])
    for row, ensemble in zip(weights, names, strict=True):
        rows = model.embed_texts([caption.replace("{c}", name) for caption in CAPTIONS for name in ensemble])
        mean = rows.mean(axis=0)
        np.testing.assert_allclose(row, 10 * mean / np.linalg.norm(mean), rtol=1e-6)


def test_texts_that_questions_share_are_embedded_once_in_one_call():
    model, apart = Letters(), Letters()
    questions = [question(), question(captions=CAPTIONS[:1]), question(names=(("sad",), ("sad",), ("mad",)))]
    together = class_weights(model, questions)
    assert len(model.asked) == 1
    assert sorted(model.asked[0]) == sorted(
        caption.replace("{c}", name) for caption in CAPTIONS for name in ("happy", "sad", "angry", "mad")
    )
    for weights, one in zip(together, questions, strict=True):
        np.testing.assert_array_equal(weights, class_weights(apart, [one])[0])
    assert class_weights(model, []) == []


def test_the_order_of_labels_changes_the_order_of_classes_and_nothing_else():
    (given_order,) = class_weights(Letters(), [question()])
    (reversed_order,) = class_weights(
        Letters(), [question(labels=LABELS[::-1], names=(("angry",), ("sad",), ("happy",)))]
    )
    np.testing.assert_array_equal(reversed_order, given_order[::-1])


@pytest.mark.parametrize(
    "incomplete",
    [
        {"captions": ()},
        {"names": ()},
        {"names": (("happy",), ("sad",))},
        {"names": (("happy",), (), ("sad",))},
    ],
)
def test_a_question_without_captions_or_names_is_refused(incomplete):
    with pytest.raises(UsageError, match=r"happy, sad, angry has \d captions and names for \d labels\. Give"):
        class_weights(Letters(), [question(), question(**incomplete)])


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 9), st.sampled_from([1.0, 100.0, 1e4]))
def test_probabilities_are_the_softmax_of_scaled_similarities(seed, n, k, scale):
    rng = np.random.default_rng(seed)
    images, weights = rng.normal(size=(n, 8)).astype(np.float32), rng.normal(size=(k, 8)).astype(np.float32)
    probabilities = zero_shot_probabilities(images, scale * weights)
    logits = images.astype(float) @ (scale * weights).astype(float).T
    np.testing.assert_allclose(probabilities, softmax(logits, axis=1), atol=1e-6)
    assert probabilities.shape == (n, k)
