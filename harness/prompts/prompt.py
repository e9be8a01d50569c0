"""A prompt as data: its axes, each of which a claim can vary alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, get_args, get_type_hints

from annotated_types import Ge

from harness.tools.forms import Who, read

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
    repeat: Annotated[int, Ge(0)] = 0
    captions: tuple[str, ...] = ()
    names: Names = "labels"
    max_tokens: Annotated[int, Ge(1)] | None = None

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any], who: Who) -> Prompt:
        """A prompt from a table of suite.toml.

        Args:
            entry: axis -> value.
            who: the entry, for messages.

        Raises:
            UsageError: an axis is unknown, or a value is none of its or of another type.
        """
        return cls(**read(entry, AXES, who, noun="axis"))

    def as_dict(self) -> dict[str, Any]:
        """Plain values of all axes."""
        return asdict(self)


AXES: Mapping[str, Any] = get_type_hints(Prompt, include_extras=True)
