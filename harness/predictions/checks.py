"""Does a model answer as its card says?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.errors import ModelError
from harness.metrics import confusion_table
from harness.predictions.table import Predictions

# Other kernels and dtypes flip answers near a decision boundary; 1 % of the samples is far above what
# bfloat16 flips on FER-2013 and far below what one swapped pair of labels does.
TOLERANCE = 0.01


def check_against_card(predictions: Predictions, correct: Mapping[str, tuple[int, int]]) -> str:
    """Holds measured answers against what the trainer recorded on the card.

    Returns:
        That they agree, with both counts; "" where the card records nothing of these samples.

    Raises:
        ModelError: they differ by more than 1 % of the samples; where another order of the labels
            explains it, the message gives that order.
    """
    recorded, n = correct.get(predictions.cell.source, (0, 0))
    if n != len(predictions):
        return ""
    table = confusion_table(predictions.gold, predictions.answers, len(predictions.space.labels))
    measured = int(np.trace(table))
    if abs(measured - recorded) <= max(5, TOLERANCE * n):
        apart = "" if measured == recorded else f"; recorded: {recorded:,}"
        return f"answers as its card records: {measured:,} of {n:,} right{apart}"
    raise ModelError(
        f"{predictions.cell.model} gets {measured} of {n} right on {predictions.cell.source}, its card "
        f"records {recorded}. {_explanation(predictions, table, recorded, n)}"
    )


def _explanation(predictions: Predictions, table: np.ndarray, recorded: int, n: int) -> str:
    from scipy.optimize import linear_sum_assignment

    labels = predictions.space.labels
    gold, answered = linear_sum_assignment(-table[:, : len(labels)])
    if abs(int(table[gold, answered].sum()) - recorded) > max(5, TOLERANCE * n):
        return "Its weights, its preprocessing or the dataset are not those of the card."
    swaps = ", ".join(f"{labels[a]} is {labels[g]}" for g, a in zip(gold, answered, strict=True) if g != a)
    return f"The card's label order is wrong: answered {swaps}. Correct `labels` in the card."
