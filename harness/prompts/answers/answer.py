"""The currency of the parser."""

from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["parsed", "out_of_vocabulary", "refusal", "unparsable", "failed"]


@dataclass(frozen=True)
class Answer:
    """What one text says.

    Attributes:
        outcome: `parsed`; `out_of_vocabulary`, a clear emotion that is no label; `refusal`, it will not or
            cannot tell; `unparsable`, no single answer; `failed`, there is no text.
        label: The label as the caller spelled it when `outcome` is `parsed`, else None.
        words: The words by which the text names the emotion, each once: ("happiness",). Where `outcome` is
            `unparsable`, what fills the answer's place if that is a short phrase of unknown words.
    """

    outcome: Outcome
    label: str | None = None
    words: tuple[str, ...] = field(default=(), compare=False, repr=False)
