"""A prompt as data: its axes, each of which a claim can vary alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args, get_type_hints

from harness.errors import UsageError
from harness.forms import check_values
from harness.nearest import nearest

Persona = Literal["none", "positive", "negative", "neutral"]
Reasoning = Literal["none", "chain-of-thought", "context", "caption"]
Format = Literal["label", "json", "letter", "free"]
Labels = Literal["shown", "absent"]
Form = Literal["flat", "six", "two-stage"]
Language = Literal["en", "ja"]
Mode = Literal["generate", "score", "score-normalised"]
Names = Literal["labels", "clip_benchmark", "synonyms"]

CHOICES: Mapping[str, tuple[str, ...]] = {
    "persona": get_args(Persona),
    "reasoning": get_args(Reasoning),
    "answer": get_args(Format),
    "labels": get_args(Labels),
    "form": get_args(Form),
    "language": get_args(Language),
    "mode": get_args(Mode),
    "names": get_args(Names),
}


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """How a model is asked about one image.

    Attributes:
        wording: name of the template.
        order: in which order labels are shown: `given` (that of the label space), `reversed`, or one member
            of a design (see `harness.prompts.DESIGNS`), such as `sentiment.1` or `williams-7.3`.
        persona: mood that the model is told to be in.
        reasoning: what the model is told to do before it answers.
        answer: form of the answer.
        labels: whether the labels are shown.
        form: all labels at once, all but neutral, or first whether there is an emotion and then which.
        subset: concepts to which question and samples are narrowed, such as four for 24 orders; () for all.
        language: language of the question and of the labels shown.
        examples: whether two labels are named as examples of an answer.
        mode: a model writes an answer, or each label is scored by its log-likelihood (divided by its
            number of tokens: `score-normalised`).
        repeat: how many times the same question was asked before; tells re-asking from re-ordering.
        captions: templates for contrastive models, `{c}` standing for a class name; () for the default.
        names: class names for contrastive models: the labels as the space spells them, those of
            CLIP_benchmark, or all synonyms of the vocabulary; English in every language.
        max_tokens: limit of a written answer; None for 64, 128 where it is a free sentence, 1024 after
            reasoning.
    """

    wording: str = "plain"
    order: str = "given"
    persona: Persona = "none"
    reasoning: Reasoning = "none"
    answer: Format = "label"
    labels: Labels = "shown"
    form: Form = "flat"
    subset: tuple[str, ...] = ()
    language: Language = "en"
    examples: bool = False
    mode: Mode = "generate"
    repeat: int = 0
    captions: tuple[str, ...] = ()
    names: Names = "labels"
    max_tokens: int | None = None

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any], where: str) -> Prompt:
        """A prompt from a table of suite.toml.

        Args:
            entry: axis -> value.
            where: name of the entry, for messages.

        Raises:
            UsageError: an axis is unknown, or a value is none of its or of another type.
        """
        known = get_type_hints(cls)
        for axis, value in entry.items():
            if axis not in known:
                raise UsageError(
                    f"Prompt {where} has the unknown axis {axis!r}. Use {', '.join(known)}. "
                    f"{nearest(axis, known)}"
                )
            if axis in CHOICES and value not in CHOICES[axis]:
                raise UsageError(f"Prompt {where} has {axis} = {value!r}. Use {', '.join(CHOICES[axis])}.")
        check_values(entry, known, f"Prompt {where}")
        for axis, least in (("max_tokens", 1), ("repeat", 0)):
            if (value := entry.get(axis)) is not None and value < least:
                raise UsageError(f"Prompt {where} has {axis} = {value}. Write {least} or more.")
        values: dict[str, Any] = {axis: tuple(v) if isinstance(v, list) else v for axis, v in entry.items()}
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """Plain values of all axes."""
        return asdict(self)
