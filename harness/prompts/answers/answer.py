"""The currency of the parser."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["parsed", "out_of_vocabulary", "refusal", "unparsable", "failed"]


@dataclass(frozen=True)
class Answer:
    """What one text says.

    Attributes:
        outcome: `parsed`; `out_of_vocabulary`, a clear emotion that is no label; `refusal`, it will not or
            cannot tell; `unparsable`, no single answer; `failed`, there is no text.
        label: The label as the caller spelled it when `outcome` is `parsed`, else None.
    """

    outcome: Outcome
    label: str | None = None
