"""Does a model answer as its card says?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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


def check_labels(predictions: Predictions, labels: Sequence[str], dataset: str) -> tuple[str, ...]:
    """Holds a classifier's own labels against those of a data set.

    Args:
        predictions: its answers.
        labels: its own labels, as its card gives them.
        dataset: the data set, for messages.

    Returns:
        A line where some answers are no labels of the data set, with their counts.

    Raises:
        ModelError: none of its labels is one of the data set, so that no answer could be right.
    """
    space, model = predictions.space, predictions.cell.model
    if labels and not any(map(space.knows, labels)):
        raise ModelError(
            f"{model} answers {', '.join(labels)}, of which none is a label of {dataset}: "
            f"{', '.join(space.labels)}. Correct `labels` in its card, or ask it about a data set of its own."
        )
    foreign = predictions.table["label"][predictions.table["outcome"] == "out_of_vocabulary"].value_counts()
    if not labels or foreign.empty:
        return ()
    said = ", ".join(f"{label!r} ({n:,})" for label, n in foreign.items())
    return (f"{model}: answers that are no labels of {dataset} count as wrong: {said}",)


def _explanation(predictions: Predictions, table: np.ndarray, recorded: int, n: int) -> str:
    from scipy.optimize import linear_sum_assignment

    labels = predictions.space.labels
    gold, answered = linear_sum_assignment(-table[:, : len(labels)])
    if abs(int(table[gold, answered].sum()) - recorded) > max(5, TOLERANCE * n):
        return "Its weights, its preprocessing or the dataset are not those of the card."
    swaps = ", ".join(f"{labels[a]} is {labels[g]}" for g, a in zip(gold, answered, strict=True) if g != a)
    return f"The card's label order is wrong: answered {swaps}. Correct `labels` in the card."
