"""From a prompt and a label space to the questions that a model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.labels import LabelSpace

from .contradictions import LETTERS, require_consistent
from .names import class_names, displayed, example_labels, open_names
from .orders import label_order
from .prompt import Language, Prompt
from .question import Question
from .wording import Wording, wording

# Limits of written answers. A reply that is cut off before its answer never counts as parsed, and Japanese
# takes about a token per character.
SHORT, SENTENCE, REASONED = 64, 128, 1024

JSON_PREFILL = '{"emotion": "'
FIRST_LABELS: dict[Language, tuple[str, str]] = {"en": ("emotional", "neutral"), "ja": ("感情的", "中立")}
"""Labels of the first of two questions; the second of them has the concept `neutral`."""

CLIP_BENCHMARK_CAPTIONS = (
    "a photo of a {c} looking face.",
    "a photo of a face showing the emotion: {c}.",
    "a photo of a face looking {c}.",
    "a face that looks {c}.",
    "they look {c}.",
    "look at how {c} they are.",
)
"""The templates of CLIP_benchmark's fer2013 (MIT), which go with its class names."""


def ask(prompt: Prompt, space: LabelSpace) -> tuple[Question, ...]:
    """The questions of a prompt about one image: one, or two where its form is `two-stage`.

    Of two, the first asks whether there is an emotion (its labels are `FIRST_LABELS`) and the second which
    one, without the neutral label. Both are asked about every image and neither knows of the other: the
    answer is neutral where the first one says so, else that of the second. `reversed` reverses both.

    >>> from harness.labels import label_space
    >>> question, = ask(Prompt(answer="letter", subset=("anger", "sadness")), label_space("caer"))
    >>> print(question.text.rpartition("Options")[2])
    :
    (A) Anger
    (B) Sad
    >>> question.answers, question.labels
    (('A', 'B'), ('Anger', 'Sad'))

    Args:
        prompt: the axes.
        space: the labels of the dataset.

    Raises:
        UsageError: an axis names something unknown, two axes contradict each other, or one does not fit the
            labels.
    """
    texts = wording(prompt.wording, prompt.language)
    labels = label_order(prompt, space)
    require_consistent(prompt, len(labels))
    question = _question(prompt, texts, _choice(prompt, labels, space), first=False)
    if prompt.form != "two-stage":
        return (question,)
    return (_question(prompt, texts, _first_choice(prompt), first=True), question)


@dataclass(frozen=True)
class _Choice:
    """What a question lets a model choose from: labels, their words, names for captions, example words."""

    labels: tuple[str, ...]
    words: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    examples: tuple[str, ...] = ()


def _choice(prompt: Prompt, labels: tuple[str, ...], space: LabelSpace) -> _Choice:
    shown = prompt.labels == "shown"
    examples = example_labels(labels, space) if prompt.examples else ()
    return _Choice(
        labels,
        displayed(labels, space, prompt.language),
        class_names(labels, space, prompt.names) if shown else open_names(prompt.names),
        displayed(examples, space, prompt.language),
    )


def _first_choice(prompt: Prompt) -> _Choice:
    step = -1 if prompt.order == "reversed" else 1
    words = FIRST_LABELS[prompt.language][::step]
    return _Choice(words, words, tuple((name,) for name in FIRST_LABELS["en"][::step]))


def _question(prompt: Prompt, texts: Wording, choice: _Choice, *, first: bool) -> Question:
    shown, lettered, scored = prompt.labels == "shown", prompt.answer == "letter", prompt.mode != "generate"
    return Question(
        system=texts.text(f"persona.{prompt.persona}"),
        text=_text(prompt, texts, choice, first=first),
        labels=choice.labels,
        answers=tuple(LETTERS[: len(choice.words)]) if lettered else choice.words,
        prefill=JSON_PREFILL if scored and prompt.answer == "json" else "",
        shown=shown,
        options=choice.labels if lettered else (),
        score=scored,
        normalise=prompt.mode == "score-normalised",
        json=prompt.answer == "json",
        max_tokens=prompt.max_tokens or _limit(prompt),
        repeat=prompt.repeat,
        captions=_captions(prompt, texts),
        names=choice.names,
    )


def _text(prompt: Prompt, texts: Wording, choice: _Choice, *, first: bool) -> str:
    parts = {
        "question": _ask_for(prompt, texts, first=first),
        "note": texts.text("note"),
        "reasoning": texts.text(f"reasoning.{prompt.reasoning}"),
        "answer": _answer(prompt, texts, choice.examples),
        "labels": _list(prompt, texts, choice.words) if prompt.labels == "shown" else "",
    }
    return "\n".join(parts[name] for name in texts.layout if parts[name])


def _ask_for(prompt: Prompt, texts: Wording, *, first: bool) -> str:
    if first:
        return texts.text("first-question")
    has_open = prompt.labels == "absent" and "open-question" in texts.texts
    return texts.text("open-question" if has_open else "question")


def _answer(prompt: Prompt, texts: Wording, examples: Sequence[str]) -> str:
    slots = {"examples": ""}
    if examples:
        slots["examples"] = texts.text("examples", first=examples[0], second=examples[1])
    reasoned = "" if prompt.reasoning == "none" else "-reasoned"
    return texts.text(f"answer.{prompt.labels}{reasoned}.{prompt.answer}", **slots)


def _list(prompt: Prompt, texts: Wording, words: Sequence[str]) -> str:
    if prompt.answer != "letter":
        return texts.text("labels", labels=texts.text("comma").join(words))
    options = [f"({letter}) {word}" for letter, word in zip(LETTERS, words, strict=False)]
    return texts.text("options", options="\n".join(options))


def _captions(prompt: Prompt, texts: Wording) -> tuple[str, ...]:
    if prompt.captions:
        return prompt.captions
    return CLIP_BENCHMARK_CAPTIONS if prompt.names == "clip_benchmark" else texts.captions


def _limit(prompt: Prompt) -> int:
    if prompt.reasoning != "none":
        return REASONED
    return SENTENCE if prompt.answer == "free" else SHORT
