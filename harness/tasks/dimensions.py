"""How pleasant and how stirring: numbers instead of a label."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.tasks.base import Target

if TYPE_CHECKING:
    import pandas as pd

AXES = ("valence", "arousal")
TARGET = "target_"
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_NAMED = re.compile(rf"\b(valence|arousal)\b[\"']?\s*(?:is|[:=])?\s*{_NUMBER}(?!\w|\.\d)", re.IGNORECASE)
_PAIR = re.compile(rf"\s*[(\[]?\s*{_NUMBER}\s*[,;\s]\s*{_NUMBER}\s*[)\]]?\s*")


@dataclass(frozen=True)
class Dimensions:
    """Valence and arousal of each sample, each on a scale of its own.

    The target of a sample is (valence, arousal); its label is empty.

    Attributes:
        valence: lowest and highest value of the scale.
        arousal: likewise.

    Raises:
        UsageError: a scale does not rise.
    """

    valence: tuple[float, float] = (-1.0, 1.0)
    arousal: tuple[float, float] = (-1.0, 1.0)
    name: ClassVar[str] = "dimensions"
    space: ClassVar[None] = None

    def __post_init__(self) -> None:
        for axis, (low, high) in zip(AXES, (self.valence, self.arousal), strict=True):
            if not -np.inf < low < high < np.inf:
                raise UsageError(f"Expected the scale of {axis} to rise, but got {low} to {high}.")

    @property
    def asks(self) -> str:
        """See `Task`."""
        scales = zip(AXES, (self.valence, self.arousal), strict=True)
        return " and ".join(f"{axis} from {low:g} to {high:g}" for axis, (low, high) in scales)

    def check(self, label: str, target: Target) -> None:
        """See `Task.check`."""
        if label or len(target) != len(AXES) or not self.within(np.array([target]))[0]:
            raise UsageError(
                f"A sample has the label {label!r} and the target {target}. Give an empty label and "
                f"{self.asks}."
            )

    def columns(self, labels: Sequence[str], targets: Sequence[Target]) -> dict[str, Any]:
        """`gold`, which is empty, `target_valence` and `target_arousal`."""
        values = np.array(targets, np.float64).reshape(-1, len(AXES))
        return {"gold": list(labels), **{f"{TARGET}{axis}": values[:, i] for i, axis in enumerate(AXES)}}

    def targets(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """(N, 2) valence and arousal."""
        values: NDArray[np.float64] = table[[f"{TARGET}{axis}" for axis in AXES]].to_numpy(np.float64)
        return values

    def answers(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """(N, 2) valence and arousal, nan where there is no valid answer."""
        values = table[list(AXES)].to_numpy(np.float64)
        parsed = (table["outcome"] == "parsed").to_numpy()
        answers: NDArray[np.float64] = np.where(parsed[:, None], values, np.nan)
        return answers

    def read(self, text: str) -> tuple[float, float] | None:
        """Valence and arousal from JSON, from `valence: 0.2, arousal: -1`, or from two bare numbers.

        A number that is missing, named twice or off its scale makes it no answer: none is guessed.

        >>> Dimensions().read('{"Valence": 0.5, "arousal": -0.25}'), Dimensions().read("0.5, 7")
        ((0.5, -0.25), None)
        """
        found = _read_json(text) or _read_named(text) or _read_pair(text)
        return found if found is not None and self.within(np.array([found]))[0] else None

    def within(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Which of (N, 2) values lie on the scales."""
        low, high = np.array([self.valence, self.arousal]).T
        inside: NDArray[np.bool_] = ((values >= low) & (values <= high)).all(axis=1)
        return inside

    def credit(self, answers: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """1 less the distance between answer and target, as a share of the longest distance on the scales.

        Both scales count alike: each is stretched to length 1. Agreement over a data set is another matter,
        see Lin's concordance in `harness.metrics`.

        >>> Dimensions().credit(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 0.0], [-1.0, -1.0]]))
        array([1., 0.])
        """
        scale = np.diff([self.valence, self.arousal], axis=1)[:, 0]
        distance = np.linalg.norm((answers - targets) / scale, axis=1) / np.sqrt(len(AXES))
        credit: NDArray[np.float64] = np.nan_to_num(np.clip(1 - distance, 0.0, 1.0), nan=0.0)
        return credit


def _read_json(text: str) -> tuple[float, float] | None:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict):
        return None
    named = [(str(key).strip().lower(), value) for key, value in given.items()]
    return _both([(key, value) for key, value in named if key in AXES])


def _read_named(text: str) -> tuple[float, float] | None:
    return _both([(axis.lower(), float(value)) for axis, value in _NAMED.findall(text)])


def _both(named: Sequence[tuple[str, Any]]) -> tuple[float, float] | None:
    """The two numbers, each of which must be there once."""
    values = dict(named)
    if len(named) != len(AXES) or set(values) != set(AXES):
        return None
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in values.values()):
        return None
    return float(values["valence"]), float(values["arousal"])


def _read_pair(text: str) -> tuple[float, float] | None:
    match = _PAIR.fullmatch(text)
    return (float(match[1]), float(match[2])) if match else None
