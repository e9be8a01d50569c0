"""What the store is asked for: an identity and, for models that read prompts, the question behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.identity import Identity
from harness.prompts import Question
from harness.stimuli import Stimulus

Images = Mapping[str, Stimulus]  # by digest


@dataclass(frozen=True)
class Asked:
    """One respondent of the store.

    Attributes:
        identity: everything but the pixels that can change what is stored.
        question: the question, or None for models that read none.
        features: whether what a model's last layer reads is wanted, and not its answers.
    """

    identity: Identity
    question: Question | None = None
    features: bool = False
