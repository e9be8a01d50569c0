"""The JSON card that stands beside a checkpoint and says how to use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_type_hints

from harness.errors import ModelError, UsageError
from harness.tools.digests import file_digest
from harness.tools.forms import Words, read
from harness.tools.nearest import like
from harness.tools.sealed import regular

# The least that a card says; CONTRIBUTING.md shows a whole one.
EXAMPLE = (
    '{"architecture": "resnet50", "labels": ["angry", "happy", "sad"], "in_chans": 3, '
    '"input_size": [224, 224], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}'
)


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a classifier checkpoint expects and answers.

    Attributes:
        architecture: timm name, e.g. `resnet50`.
        labels: output order of the classifier head.
        in_chans: 1 (grey) or 3 (RGB).
        input_size: (height, width) in pixels, at least 2 each; others are resized (bicubic, antialiased).
        mean: per-channel mean, on pixels scaled to [0, 1].
        std: per-channel standard deviation, on the same scale.
        state: where in the checkpoint the weights are, such as `model_ema`; None where there is one place.
        sha256: of the checkpoint, or None; a file that was damaged or swapped is then refused.
        trained_on: `dataset:split` of the training data, or None when unknown. Evals use it to tell
            test images that the model has seen.
        selected_on: `dataset:split` that chose the epoch, or None.
        correct: `dataset:split` -> [correct, n], as measured by the trainer.
        extra: everything else the card says (optimizer, epochs, seed, ...); never read by the harness.
    """

    architecture: str
    labels: tuple[str, ...]
    in_chans: int
    input_size: Annotated[tuple[int, int], Words("[height, width]")]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    state: str | None = None
    sha256: str | None = None
    trained_on: str | None = None
    selected_on: str | None = None
    correct: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Card:
        """Reads and checks a card.

        Raises:
            ModelError: the file is absent, not JSON, or a field is missing or contradicts another.
        """
        try:
            raw = json.loads(regular(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModelError(
                f"The checkpoint has no card: {path} does not exist. Write one, such as {EXAMPLE}, with "
                "labels in the order of the network's outputs."
            ) from None
        except (ValueError, OSError) as error:
            raise ModelError(
                f"The card {path} is not readable JSON ({error}). Mend or rewrite it."
            ) from error
        return cls._checked(raw, path)

    @classmethod
    def _checked(cls, raw: Any, path: Path) -> Card:
        missing = sorted(REQUIRED - set(raw if isinstance(raw, dict) else ()))
        if missing or not isinstance(raw, dict):
            raise ModelError(f"The card {path} lacks {', '.join(missing)}. Add what is missing.")
        extra = {name: value for name, value in raw.items() if name not in FIELDS}
        for name in extra:
            if meant := like(name, FIELDS.keys() - raw.keys(), most=1, likeness=_MISSPELT):
                raise ModelError(f"The card {path} has the unknown field {name!r}. Nearest: {meant[0]}.")
        try:
            values = read(raw, {**FIELDS, "num_classes": int}, f"The card {path}", more=True)
        except UsageError as error:
            raise ModelError(str(error)) from error
        num_classes = values.pop("num_classes", len(values["labels"]))
        card = cls(**values, extra=extra)
        card._check(num_classes, path)
        return card

    def _check(self, num_classes: int, path: Path) -> None:
        distinct = len(set(self.labels))
        if not distinct == len(self.labels) == num_classes > 0:
            raise ModelError(
                f"The card {path} names {distinct} distinct labels for {num_classes} classes. "
                "List each output label once, in the order of the classifier head."
            )
        if self.in_chans not in (1, 3) or not len(self.mean) == len(self.std) == self.in_chans:
            raise ModelError(
                f"The card {path} gives {len(self.mean)} means and {len(self.std)} stds for {self.in_chans} "
                "channels. Give one of each per channel, with 1 or 3 channels."
            )
        if min(self.input_size) < 2 or min(self.std) <= 0:
            raise ModelError(
                f"The card {path} has a bad input_size or std. Use [height, width] of 2 or more and std > 0."
            )

    def check_digest(self, path: Path) -> str:
        """The sha256 of the checkpoint, which must be the card's, if that says one.

        Raises:
            ModelError: it is another.
        """
        found = file_digest(path)
        if self.sha256 and found != self.sha256.lower():
            raise ModelError(
                f"The checkpoint {path} has the sha256 {found}, its card {self.sha256}. Fetch or train it "
                "again, or correct the card."
            )
        return found

    def write(self, path: Path) -> None:
        """Writes the card as JSON; `Card.read` gives it back."""
        body = {k: v for k, v in asdict(self).items() if k != "extra"}
        body = {**body, "num_classes": len(self.labels), **self.extra}
        path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


FIELDS: Mapping[str, Any] = {
    name: hint for name, hint in get_type_hints(Card, include_extras=True).items() if name != "extra"
}
REQUIRED = {"architecture", "labels", "in_chans", "input_size", "mean", "std"}
_MISSPELT = 0.85  # so much alike is no field of somebody else, such as `selected_by`, but one of these
