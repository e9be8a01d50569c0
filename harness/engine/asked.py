"""What the store is asked for: an identity and, for models that read prompts, the question behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.identity import Identity
from harness.prompts import Question

Images = Mapping[str, NDArray[np.uint8]]  # by pixel digest


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
