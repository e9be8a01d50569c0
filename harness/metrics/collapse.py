"""Do the answers fall together on one label?

Metrics of confusion tables (..., K, K + 1) as of `confusion_table`; leading axes, such as bootstrap
replicates, are kept. Shares of answers are over all samples, so an invalid answer is an answer to no
label; entropies describe the valid answers alone and belong beside `coverage`. Logarithms are natural.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.metrics.classification import Table, accuracy, balanced_accuracy

Values = npt.NDArray[np.float64]


class Detection(NamedTuple):
    """How one label is told from the rest, and how readily it is answered.

    Attributes:
        d_prime: Distance between samples of the label and others, in deviations; 0 when they are not told
            apart.
        criterion: Reluctance to answer the label; negative when it is answered too readily.
    """

    d_prime: Values
    criterion: Values


def over_prediction(table: Table, k: int) -> Values:
    """P(answer is label k) / P(gold is label k), (...); nan where label k does not occur.

    >>> float(over_prediction(np.array([[1, 3, 0], [0, 4, 0]]), 1))
    1.75
    """
    return _ratio(table[..., :, k].sum(axis=-1), table[..., k, :].sum(axis=-1))


def normalised_entropy(table: Table) -> Values:
    """Entropy of the valid answers over that of K equally frequent ones, (...).

    0 for a single label, 1 for all alike; nan without a valid answer, or with only one label to answer.
    """
    most = np.log(table.shape[-2])
    entropy: Values = _entropy(table) / (most if most > 0 else np.nan)
    return entropy


def effective_classes(table: Table) -> Values:
    """How many equally frequent labels have the entropy of the valid answers, exp(H), (...); nan without any.

    >>> round(float(effective_classes(np.array([[2, 2, 0], [2, 2, 0]]))), 6)
    2.0
    """
    return np.exp(_entropy(table))


def kl_to_gold(table: Table) -> Values:
    """Kullback-Leibler divergence of the valid answers from the gold labels, (...), in nats.

    0 when every label is answered as often as it occurs; infinite when one is answered that does not occur at
    all; nan without a valid answer.
    """
    from scipy.special import rel_entr

    answers, gold = _shares(table[..., :-1].sum(axis=-2)), _shares(table.sum(axis=-1))
    divergence: Values = rel_entr(answers, gold).sum(axis=-1)
    return divergence


def uar_war_gap(table: Table) -> Values:
    """Balanced accuracy less accuracy, (...): negative where frequent labels fare better than rare ones."""
    return balanced_accuracy(table) - accuracy(table)


def detection(table: Table, k: int) -> Detection:
    """Signal detection of label k against the rest: d' and criterion, (...) each.

    Tells "cannot see it" (d' near 0) from "answers it too readily" (criterion below 0). Half a sample is
    added to hits and false alarms and one to each kind of sample (the log-linear rule of Hautus, Behavior
    Research Methods, Instruments & Computers 27, 1995), so that both stay finite. An invalid answer does not
    answer k. nan when no sample, or every sample, is of label k.

    >>> sees, collapsed = np.array([[90, 10, 0], [10, 90, 0]]), np.array([[10, 90, 0], [10, 90, 0]])
    >>> [round(float(detection(table, 1).d_prime), 2) for table in (sees, collapsed)]
    [2.52, 0.0]
    >>> round(float(detection(collapsed, 1).criterion), 2)
    -1.26
    """
    from scipy.special import ndtri

    own, answered = table[..., k, :].sum(axis=-1), table[..., :, k].sum(axis=-1)
    hits, others = table[..., k, k], table.sum(axis=(-2, -1)) - own
    hit_rate = np.where(own > 0, (hits + 0.5) / (own + 1), np.nan)
    alarm_rate = np.where(others > 0, (answered - hits + 0.5) / (others + 1), np.nan)
    z_hits, z_alarms = ndtri(hit_rate), ndtri(alarm_rate)
    return Detection(z_hits - z_alarms, -(z_hits + z_alarms) / 2)


def _entropy(table: Table) -> Values:
    from scipy.special import entr

    entropy: Values = entr(_shares(table[..., :-1].sum(axis=-2))).sum(axis=-1)
    return entropy


def _shares(counts: npt.NDArray[Any]) -> Values:
    """Counts (..., K) over their sum; nan where that is 0."""
    return _ratio(counts, counts.sum(axis=-1, keepdims=True))


def _ratio(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> Values:
    quotient: Values = numerator / np.where(denominator > 0, denominator, np.nan)
    return quotient
