"""Answers in a model's own words, mapped to labels.

A ladder of exact, lemma and synonym matches maps what it can: `ladder` (N,) holds label indices or -1. What
it leaves is mapped to the label with the most similar name, if the cosine similarity (N, K) reaches tau;
a row of nan, for a sample that gave no words, is never mapped. How much rests on tau is part of the result:
report the curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError

Values = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


class MappingCurve(NamedTuple):
    """What mapped answers are worth at each tau.

    Attributes:
        taus: (T,).
        accuracy: (T,) share of all samples that are mapped to their gold label.
        unmapped: (T,) share of all samples that are mapped to no label.
    """

    taus: Values
    accuracy: Values
    unmapped: Values


def mapped_answers(ladder: npt.ArrayLike, similarities: npt.ArrayLike, tau: float) -> Ints:
    """The ladder's label, else the most similar one if it is similar enough, else -1: (N,).

    Of equally similar labels it is the first.

    Args:
        ladder: Ints (N,).
        similarities: (N, K).
        tau: The least similarity that counts.

    Raises:
        UsageError: There is not one row of similarities per sample.

    >>> mapped_answers([2, -1, -1], [[0.9, 0.1, 0.2], [0.7, 0.1, 0.2], [0.3, 0.1, 0.2]], 0.5)
    array([ 2,  0, -1])
    """
    rungs, values = _checked(ladder, similarities)
    near = np.where(values.max(axis=1) >= tau, values.argmax(axis=1), -1)
    return np.where(rungs >= 0, rungs, near)


def mapping_curve(
    gold: npt.ArrayLike, ladder: npt.ArrayLike, similarities: npt.ArrayLike, taus: Sequence[float]
) -> MappingCurve:
    """Accuracy and unmapped rate at each tau; the unmapped rate never falls as tau rises.

    Args:
        gold: Ints (N,) in [0, K).
        ladder: As in `mapped_answers`; so are the similarities and the errors.
        similarities: (N, K).
        taus: (T,) least similarities that count.
    """
    mapped = np.stack([mapped_answers(ladder, similarities, tau) for tau in taus])
    return MappingCurve(
        np.asarray(taus, np.float64), (mapped == np.asarray(gold)).mean(axis=1), (mapped < 0).mean(axis=1)
    )


def fine_grained_rate(ladder: npt.ArrayLike, similarities: npt.ArrayLike, tau: float) -> float:
    """Share of all samples whose answer names an emotion in finer words than the labels and their synonyms.

    That is an answer which the ladder does not know, but which is near enough to a label. Arguments and
    errors as of `mapped_answers`.
    """
    rungs, _ = _checked(ladder, similarities)
    return float(((rungs < 0) & (mapped_answers(ladder, similarities, tau) >= 0)).mean())


def _checked(ladder: npt.ArrayLike, similarities: npt.ArrayLike) -> tuple[Ints, Values]:
    rungs, values = np.asarray(ladder, np.intp), np.asarray(similarities, np.float64)
    if values.ndim != 2 or rungs.shape != values.shape[:1] or values.size == 0:
        raise UsageError(
            f"Expected one or more ladder answers (N,) and similarities (N, K), but got {rungs.shape} and "
            f"{values.shape}. Align the arrays by sample id first."
        )
    return rungs, values
