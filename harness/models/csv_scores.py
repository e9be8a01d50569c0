"""Holds the scores of a predictions CSV against its labels: columns in another order are an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.labels import LabelSpace
from harness.models.csv_table import SCORE, answered, score_names

if TYPE_CHECKING:
    import pandas as pd

# Beyond this share of rows a file is about something else, and its figures would mean nothing.
MOST = 0.5
# How far a sum of probabilities may be from 1, as in `harness.metrics`; how far it is where they are rounded.
EXACT, ROUNDED = 1e-3, 0.04


def check_scores(rows: pd.DataFrame, space: LabelSpace, path: Path) -> Iterator[str]:
    """What is odd about scores, one line each.

    Args:
        rows: rows of a predictions CSV, indexed by `sample_id`.
        space: the labels of the data set.
        path: the file, for messages.

    Raises:
        DataError: in most rows another label than the answer has the highest score.
    """
    names = score_names(rows)
    about = {name: name.removeprefix(SCORE) for name in names}
    ours = {name: space.resolve(label) for name, label in about.items() if space.knows(label)}
    if foreign := [name for name in names if name not in ours]:
        yield f"scores of what is no label of {space.name} are left out: {', '.join(foreign)}"
    if len(set(ours.values())) < len(ours):
        return  # two columns about one label: whoever joins them to the samples refuses that by name
    lacking = [label for label in space.labels if label not in ours.values()]
    if lacking and ours:
        yield f"no scores for {', '.join(lacking)}, so that the others are left out, too"
    if lacking:
        return
    scores = rows[list(ours)].to_numpy(np.float64)
    whole = ~np.isnan(scores).any(axis=1)
    if not whole.all():
        yield f"{(~whole).sum():,} of {len(rows):,} rows lack a score"
    yield from _no_probabilities(rows.index[whole], scores[whole])
    named = whole & answered(rows) & np.array([space.knows(label) for label in rows["label"]], bool)
    answers = [space.resolve(label) for label in rows["label"][named]]
    yield from _contradictions(rows.index[named], scores[named], list(ours.values()), answers, path)


def _no_probabilities(ids: pd.Index[str], scores: NDArray[np.float64]) -> Iterator[str]:
    sums = scores.sum(axis=1)
    odd = (scores < 0).any(axis=1) | ~(np.abs(sums - 1) <= EXACT)
    if not odd.any():
        return
    if (np.abs(sums[odd] - 1) <= ROUNDED).all():
        fix = "they are rounded; write more digits"
    elif (np.abs(sums[odd] - 100) <= 100 * ROUNDED).all():
        fix = "they add up to 100; divide them by 100"
    else:
        fix = "write numbers from 0 to 1 that add up to 1, such as the softmax of logits"
    yield (
        f"the scores of {odd.sum():,} of {len(ids):,} rows are no probabilities, such as those of "
        f"{ids[odd][0]}, and there is no calibration: {fix}"
    )


def _contradictions(
    ids: pd.Index[str], scores: NDArray[np.float64], labels: list[str], answers: list[str], path: Path
) -> Iterator[str]:
    own = scores[np.arange(len(answers)), [labels.index(answer) for answer in answers]]
    other = np.flatnonzero(own < scores.max(axis=1, initial=-np.inf))  # two may share the highest
    said = f"{len(other):,} of {len(answers):,} rows"
    if len(other) > MOST * len(answers):
        first = other[0]
        highest = labels[int(scores[first].argmax())]
        raise DataError(
            f"The scores of {path} contradict its labels in {said}: {ids[first]} is {answers[first]}, where "
            f"{SCORE}{highest} is highest. Put each score under the header of its label."
        )
    if len(other):
        yield f"in {said} another label than the answer has the highest score"
