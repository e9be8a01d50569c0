"""The order in which labels are shown changes the answers, beyond what asking again changes.

EVE (Bhattacharyya & Wang 2025, arXiv 2502.05660) finds that listing negative labels first costs most open
models accuracy. A model that cannot see the order, such as CLIP, is the natural negative control.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.claims.asks import Asks
from harness.claims.claim import Claim, Context, Role
from harness.claims.contrast import Contrast
from harness.claims.evidence import check_same_samples, invalid_notes
from harness.claims.mean_effect import METHOD, bar, mean_effect, mean_verdict, share
from harness.claims.mitigated import accuracies_after_mitigation
from harness.claims.verdict import Effect, Verdict
from harness.metrics import (
    accuracy_range,
    excess_flips,
    excess_mutual_information,
    flip_rates,
    is_balanced,
    order_permutation_test,
    pick_sums,
    position_pick_excess_of_sums,
    position_picks,
    position_table,
    recall_std,
)
from harness.predictions import Predictions
from harness.statistics import bootstrap_sums

NAME = "label_order_bias"
THRESHOLD = 0.05

# A thousand permutations or resamples resolve p = 0.001; ten times as many take minutes on a whole test set.
_MOST_REPLICATES = 999
_FEW_REPLICATES = 200  # for a mean over permutations, which is as exact with few


def judge(*predictions: Predictions, context: Context) -> Verdict:
    """Compares how often two orders disagree with how often two asks in the same order do.

    The effect is the excess flip rate, whose mean is 0 for a model that does not care about the order,
    however noisy it is. A model that may answer the same question differently must have been asked again
    (`Prompt.repeat`), else its noise cannot be told from the order and the evidence is barred. Above the
    threshold its effect must also stand out from permutations of each image's asks: the larger p-value
    counts. A repeatable model needs no such test, as each of its flips is the order's doing.

    Args:
        predictions: the same samples asked in each order, and again in the same orders.
        context: cell name, level, family size and seed.

    Raises:
        DataError: the samples differ, or an answer was given to no prompt.
        UsageError: all asks show the same order.
    """
    check_same_samples(predictions)
    asks = Asks.of(predictions)
    if not asks.repeatable and not asks.repeated:
        context = bar(
            context,
            "the model may answer the same question differently, so a flip may be noise "
            "(ask each order again: repeats = 2)",
        )
    flips = excess_flips(asks.answers, asks.order_ids)
    found = mean_effect(
        "excess flip rate",
        flips,
        -1 if asks.repeated else 0,
        1,
        groups=predictions[0].groups,
        threshold=THRESHOLD,
        context=context,
    )
    method = METHOD
    if not asks.repeatable and not context.barred and found.effect.value > THRESHOLD:
        found = replace(found, p_value=max(found.p_value, _permuted(asks, context)))
        method += ", permutation of asks within images"
    return mean_verdict(
        NAME,
        found,
        context,
        threshold=THRESHOLD,
        subject=f"Over {len(set(asks.order_ids.tolist()))} label orders",
        method=method,
        secondary=(*_sizes(asks, context), *_positions(asks, context), *_accuracies(asks, context)),
        notes=(*_position_note(asks), *invalid_notes("All orders", *asks.sides)),
    )


def _permuted(asks: Asks, context: Context) -> float:
    """p of "the order makes no difference"; images with one answer throughout add nothing to any sequence."""
    varied = asks.answers[(asks.answers != asks.answers[:, :1]).any(axis=1)]
    return order_permutation_test(
        varied,
        lambda answers: excess_flips(answers, asks.order_ids).sum(axis=-1),
        replicates=min(context.replicates, _MOST_REPLICATES),
        seed=context.seed,
    )


def _sizes(asks: Asks, context: Context) -> list[Effect]:
    same = (asks.answers == asks.answers[:, :1]).all(axis=1)
    return [
        share("flip rate", flip_rates(asks.answers), asks.sides[0], context),
        share("images with one answer in all asks", same, asks.sides[0], context),
    ]


def _positions(asks: Asks, context: Context) -> list[Effect]:
    """Whether flips favour positions: a model can be upset by the order without a liking for any place."""
    rows = {
        "position-pick excess": (pick_sums(asks.answers, asks.orders), position_pick_excess_of_sums),
        "RStd over positions": (position_table(asks.answers, asks.gold, asks.orders), recall_std),
    }
    effects = [
        Effect.of(
            name,
            bootstrap_sums(
                sums.astype(np.float64),
                statistic,
                groups=asks.sides[0].groups,
                replicates=min(context.replicates, _MOST_REPLICATES),
                alpha=context.alpha,
                seed=context.seed,
            ),
        )
        for name, (sums, statistic) in rows.items()
    ]
    information = excess_mutual_information(
        asks.answers,
        asks.orders,
        replicates=min(context.replicates, _FEW_REPLICATES),
        seed=context.seed,
    )
    return [*effects, Effect("mutual information of position and answer (nats)", information)]


def _accuracies(asks: Asks, context: Context) -> list[Effect]:
    extremes = accuracy_range(asks.answers, asks.gold, asks.order_ids)
    right = (asks.answers == asks.gold[:, None]).mean(axis=1)
    return [
        Effect("accuracy, worst order", extremes.worst),
        Effect("accuracy, best order", extremes.best),
        share("accuracy, mean over orders", right, asks.sides[0], context),
        *accuracies_after_mitigation(asks, context),
    ]


def _position_note(asks: Asks) -> list[str]:
    picks = position_picks(asks.answers, asks.orders)
    if not picks.any():
        return []
    most = int(picks.argmax())
    part = picks[most] / picks.sum()
    notes = [f"Position {most + 1} of {len(picks)} is picked most: by {part:.1%} of the answers."]
    if not is_balanced(asks.orders):
        notes.append("The orders do not put each label at each position equally often.")
    return notes


CLAIM = Claim(
    name=NAME,
    hypothesis="The order in which labels are shown changes the model's answers.",
    roles=(Role("vlm", ("vlm",)),),
    judge=judge,
    contrast=Contrast(axes=("order", "repeat"), within_entry=True),
    threshold=THRESHOLD,
)
