"""What labels are called: in a question, per language, and in the captions of contrastive models."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import UsageError
from harness.labels import LabelSpace, affect, label_space
from harness.labels.vocabulary import vocabulary

from .prompt import Language, Names

# Concepts of the vocabulary that nobody feels or shows.
_NO_EMOTION = ("unknown", "not a face")


def displayed(labels: Sequence[str], space: LabelSpace, language: Language) -> tuple[str, ...]:
    """The words that a question shows: in English the labels as they are, in Japanese those of the concepts.

    Raises:
        UsageError: a concept has no Japanese word.
    """
    if language == "en":
        return tuple(labels)
    return tuple(_japanese(label, space) for label in labels)


def class_names(labels: Sequence[str], space: LabelSpace, names: Names) -> tuple[tuple[str, ...], ...]:
    """English names per label, for captions; several are an ensemble.

    Raises:
        UsageError: CLIP_benchmark has no name for a label.
    """
    return tuple(_named(label, space.concepts[space.index(label)], names) for label in labels)


def open_names(names: Names) -> tuple[tuple[str, ...], ...]:
    """English names of every emotion of the vocabulary, its plain name first.

    This is what a contrastive model chooses its answer from where no labels are shown.

    Raises:
        UsageError: CLIP_benchmark has no name for one of them.
    """
    concepts = dict.fromkeys(vocabulary().words.values())
    return tuple(_named(concept, concept, names) for concept in concepts if concept not in _NO_EMOTION)


def example_labels(labels: Sequence[str], space: LabelSpace) -> tuple[str, str]:
    """A positive and a negative label that stand for an answer, whatever the order of `labels`.

    They are those of happiness and sadness, as in the prompt of the Quixotiks blog, else the first of their
    sentiment in the space.

    Raises:
        UsageError: one of the sentiments is absent.
    """
    asked = [(label, of) for label, of in zip(space.labels, space.concepts, strict=True) if label in labels]
    found = []
    for sentiment, usual in (("positive", "happiness"), ("negative", "sadness")):
        fitting = {of: label for label, of in asked if affect().sentiment(of) == sentiment}
        if not fitting:
            raise UsageError(
                f"Examples are a positive and a negative label, but {', '.join(labels)} has no {sentiment} "
                "one. Use examples = false, or another subset."
            )
        found.append(fitting.get(usual, next(iter(fitting.values()))))
    return found[0], found[1]


def _named(label: str, concept: str, names: Names) -> tuple[str, ...]:
    if names == "labels":
        return (label,)
    if names == "synonyms":
        words = tuple(word for word, of in vocabulary().words.items() if of == concept and word.isascii())
        return words or (label,)
    benchmark = label_space("clip_benchmark")
    if concept not in benchmark.concepts:
        raise UsageError(
            f"CLIP_benchmark has no class name for {label!r}. Use names = labels or synonyms, or a subset."
        )
    return (benchmark.labels[benchmark.concepts.index(concept)],)


def _japanese(label: str, space: LabelSpace) -> str:
    concept = space.concepts[space.index(label)]
    for word, of in vocabulary().words.items():
        if of == concept and not word.isascii():
            return word
    raise UsageError(
        f"The vocabulary has no Japanese word for the label {label!r}. "
        "Ask in English, or for a subset without it."
    )
