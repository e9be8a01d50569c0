"""What every claim asks of predictions before it compares them, and says of them afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.errors import DataError
from harness.predictions import Predictions
from harness.prompts import Prompt


def check_same_samples(predictions: Sequence[Predictions]) -> None:
    """Refuses to pair answers about different samples.

    Raises:
        DataError: two of the predictions are not over the same samples in the same order.
    """
    first = predictions[0]
    for other in predictions[1:]:
        if list(first.table["sample_id"]) != list(other.table["sample_id"]) or not np.array_equal(
            first.gold, other.gold
        ):
            raise DataError(
                f"{first.cell} and {other.cell} are not over the same samples. Make both on the same dataset."
            )


def prompt_of(predictions: Predictions) -> Prompt:
    """The prompt that was answered.

    Raises:
        DataError: there was none.
    """
    if predictions.prompt is None:
        raise DataError(
            f"{predictions.cell} answers no prompt. Judge claims about prompts on models that read one."
        )
    return predictions.prompt


def invalid_notes(who: str, *predictions: Predictions) -> list[str]:
    """A line on the samples without a valid answer, where there are any.

    Args:
        who: whose answers they are, as the line begins.
        predictions: one or more sets of answers of that kind; the line is about all of them together.
    """
    invalid = np.mean([np.mean(side.answers < 0) for side in predictions])
    if invalid == 0:
        return []
    return [f"{who}: {invalid:.1%} of the samples have no valid answer and count as wrong."]
