"""Zero-shot classification with a contrastive model: texts become the weights of a linear classifier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.models.base import Contrastive
from harness.prompts import Question


def class_weights(loaded: Contrastive, questions: Sequence[Question]) -> list[NDArray[np.float32]]:
    """The classifiers of several questions; each distinct text is embedded once.

    A class is the mean of the unit embeddings of all captions with all of its names, brought back to unit
    length: the protocol of Radford et al. 2021 (2103.00020, section 3.1.4) and of CLIP_benchmark.

    Args:
        loaded: the model.
        questions: give `captions` and, per label, `names`.

    Returns:
        For each question (K, D): a row of length `logit_scale` per label, in the order of its `labels`.

    Raises:
        UsageError: a question has no captions, or not a name for each label.
    """
    texts = [class_texts(question) for question in questions]
    distinct = list(dict.fromkeys(text for classes in texts for names in classes for text in names))
    if not distinct:
        return []
    row = {text: i for i, text in enumerate(distinct)}
    embedded = loaded.embed_texts(distinct).astype(np.float64)

    def weight(names: list[str]) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = embedded[[row[text] for text in names]].mean(axis=0)
        return mean * (loaded.logit_scale / np.linalg.norm(mean))

    return [np.stack([weight(names) for names in classes]).astype(np.float32) for classes in texts]


def zero_shot_probabilities(
    image_embeddings: NDArray[np.float32], weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Softmax over classes of the scaled similarities.

    A bias that all classes share, as SigLIP has, cancels.

    Args:
        image_embeddings: (N, D), of unit length.
        weights: (K, D), see `class_weights`.

    Returns:
        Probabilities (N, K).
    """
    logits = image_embeddings.astype(np.float64) @ weights.astype(np.float64).T
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: NDArray[np.float32] = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def class_texts(question: Question) -> list[list[str]]:
    """For each label all captions with all names.

    Raises:
        UsageError: there are no captions, or not a name for each label.
    """
    # Without labels the names are an open list of emotions.
    named = len(question.names) == len(question.labels) if question.shown else question.names
    if not question.captions or not named or not all(question.names):
        raise UsageError(
            f"A question about {', '.join(question.labels)} has {len(question.captions)} captions and names "
            f"for {sum(map(bool, question.names))} labels. Give at least one caption, and a name per label."
        )
    return [
        [caption.replace("{c}", name) for caption in question.captions for name in names]
        for names in question.names
    ]
