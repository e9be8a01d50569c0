"""Are answers brighter or darker than the truth, and how wrong are the wrong ones?

Metrics of confusion tables (..., K, K + 1) as of `confusion_table`; leading axes are kept. Sentiment and
arousal of each label come from a versioned table (`harness.labels.affect`): 1 positive or high, -1
negative or low, 0 neither.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError
from harness.metrics.classification import Table

Values = npt.NDArray[np.float64]


class SentimentBias(NamedTuple):
    """Shares of answers less shares of gold labels, over all samples; together they are 0.

    Attributes:
        positive: Of positive labels, (...).
        negative: Of negative labels.
        neither: Of labels that are neither, such as neutral and surprise.
        invalid: Share of samples without a valid answer.
    """

    positive: Values
    negative: Values
    neither: Values
    invalid: Values


class ErrorCategories(NamedTuple):
    """Samples by how wrong their answer is, as in EVE (Bhattacharyya & Wang, arXiv 2502.05660).

    Attributes:
        wrong_sentiment: EC I, (...).
        wrong_arousal: EC II, of the right sentiment.
        wrong_label: EC III, of the right sentiment and arousal.
        invalid: No valid answer.
    """

    wrong_sentiment: npt.NDArray[Any]
    wrong_arousal: npt.NDArray[Any]
    wrong_label: npt.NDArray[Any]
    invalid: npt.NDArray[Any]


def sentiment_bias(table: Table, sentiments: npt.ArrayLike) -> SentimentBias:
    """P(answer is positive) - P(gold is positive), and likewise for the other sentiments.

    Args:
        table: (..., K, K + 1); nan without samples.
        sentiments: (K,) 1, 0 or -1 for each label.

    Raises:
        UsageError: Sentiments are not one per label, or something else than 1, 0 or -1.

    >>> bias = sentiment_bias(np.array([[2, 1, 1], [2, 2, 0]]), [1, -1])  # 4 happy, 4 sad
    >>> [float(share) for share in bias]
    [0.0, -0.125, 0.0, 0.125]
    """
    kinds = _codes("sentiments", sentiments, table)
    total = table.sum(axis=(-2, -1))
    samples = np.where(total > 0, total, np.nan)
    surplus = (table[..., :-1].sum(axis=-2) - table.sum(axis=-1)) / samples[..., None]
    positive, negative, neither = (surplus[..., kinds == kind].sum(axis=-1) for kind in (1, -1, 0))
    return SentimentBias(positive, negative, neither, table[..., -1].sum(axis=-1) / samples)


def error_categories(table: Table, sentiments: npt.ArrayLike, arousals: npt.ArrayLike) -> ErrorCategories:
    """Counts wrong answers by what is wrong; with the right ones they are all samples.

    A label that is neither positive nor negative shares its sentiment with others of that kind only, and
    likewise for arousal.

    Args:
        table: (..., K, K + 1).
        sentiments: (K,) 1, 0 or -1 for each label.
        arousals: The same.

    Raises:
        UsageError: Sentiments or arousals are not one per label, or something else than 1, 0 or -1.

    >>> angry_sad_happy = np.array([[5, 2, 1, 0], [3, 5, 0, 0], [0, 1, 5, 4]])
    >>> [int(count) for count in error_categories(angry_sad_happy, [-1, -1, 1], [1, -1, 0])]
    [2, 5, 0, 4]
    """
    feeling, arousal = _codes("sentiments", sentiments, table), _codes("arousals", arousals, table)
    same_feeling = feeling[:, None] == feeling
    same_both = same_feeling & (arousal[:, None] == arousal)
    answered = table[..., :-1]
    return ErrorCategories(
        wrong_sentiment=answered[..., ~same_feeling].sum(axis=-1),
        wrong_arousal=answered[..., same_feeling & ~same_both].sum(axis=-1),
        wrong_label=answered[..., same_both & ~np.eye(len(feeling), dtype=bool)].sum(axis=-1),
        invalid=table[..., -1].sum(axis=-1),
    )


def _codes(name: str, values: npt.ArrayLike, table: Table) -> npt.NDArray[Any]:
    codes = np.asarray(values)
    if codes.shape != table.shape[-2:-1] or not np.isin(codes, (-1, 0, 1)).all():
        raise UsageError(
            f"Expected argument `{name}` to hold 1, 0 or -1 for each of {table.shape[-2]} labels, but got "
            f"{codes.tolist()}. Look each label's concept up in `harness.labels.affect()`."
        )
    return codes
