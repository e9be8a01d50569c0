"""The farther a treatment moves pictures in a fixed encoder's space, the more accuracy falls.

If shift explains what a treatment costs, it can be told from unlabelled pictures beforehand.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from harness.claims.ablation import Ablation
from harness.claims.claim import Claim, Context, Role
from harness.claims.conditions import FEWEST, Conditions
from harness.claims.evidence import check_same_samples
from harness.claims.verdict import Effect, Verdict, decide
from harness.errors import DataError
from harness.predictions import Predictions

NAME = "domain_shift_explains"
THRESHOLD = 0.5

Values = NDArray[np.float64]

_EXACT = 8  # conditions up to which all orders are gone through: 40,320


def judge(plain: Predictions, *treated: Predictions, context: Context) -> Verdict:
    """Ranks treatments of the same pictures by how far they shift embeddings and by what accuracy they cost.

    The effect is Spearman's correlation between the shift from `plain` (unbiased MMD^2 of the paired
    embeddings) and the loss of accuracy. Two things are uncertain, so two p-values must be small: that of the
    correlation over resampled pictures, for these treatments, and the exact one over all orders of the
    treatments, without which five of them could agree by accident. The interval is of the first kind. To be
    refuted, the claim need only fail on these treatments.

    Args:
        plain: answers on the pictures as they are.
        treated: the same model's answers on the same pictures under each treatment, at least `FEWEST`.
        context: level, seed and the embeddings under every restoration.

    Raises:
        DataError: there are too few treatments, no embeddings, or the samples differ.
    """
    if len(treated) < FEWEST:
        raise DataError(
            f"{context.cell} has {len(treated)} treatments of its pictures. Name at least {FEWEST} "
            "restorations or degradations besides none in the profile."
        )
    if context.embeddings is None:
        raise DataError(f"{context.cell} has no embeddings. Name an encoder in the entry of the claim.")
    check_same_samples((plain, *treated))
    conditions = Conditions.of(plain, treated, context)
    drawn = spearman(conditions.shifts, conditions.losses)
    effect = _effect(drawn, context.alpha)
    by_order = order_p(conditions.shifts[:, 0], conditions.losses[:, 0], context.seed)
    p_value = resampled_p(drawn, THRESHOLD)
    if effect.value > THRESHOLD:
        p_value = max(p_value, by_order)
    encoder = context.embeddings.encoder
    notes = [*context.notes, *conditions.lines(context)]
    if encoder == plain.cell.model:
        notes.append(f"{encoder} is its own encoder here: its features moved, and so did its answers.")
    return Verdict(
        claim=NAME,
        cell=context.cell,
        outcome=decide(effect, p_value, context.alpha, context.barred, THRESHOLD),
        effect=effect,
        p_value=p_value,
        alpha=context.alpha,
        n=len(plain),
        n_needed=None,
        detectable_effect=None,
        paired=True,
        method=f"Spearman over {len(treated)} treatments, bootstrap over pictures and exact over orders",
        reason=_reason(effect, len(treated), encoder, by_order, context),
        secondary=conditions.effects(context),
        notes=tuple(notes),
        barred=context.barred,
        threshold=THRESHOLD,
    )


def spearman(a: Values, b: Values) -> Values:
    """(R,) rank correlations of the columns of (C, R) and (C, R); 0 where one of them is all the same.

    >>> spearman(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [3.0], [2.0]])).round(3)
    array([0.5])
    """
    from scipy.stats import rankdata

    ranks = [rankdata(side, axis=0) for side in (a, b)]
    x, y = (rank - rank.mean(axis=0) for rank in ranks)
    scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum(axis=0))
    correlations: Values = (x * y).sum(axis=0) / np.where(scale > 0, scale, np.inf)
    return correlations


def resampled_p(drawn: Values, threshold: float) -> float:
    """Two-sided p of a statistic (1 + R,), observed first, being at the threshold: where resamples fall."""
    resampled = drawn[1:]
    tails = [
        (1 + np.sum(side)) / (1 + len(resampled)) for side in (resampled <= threshold, resampled >= threshold)
    ]
    return min(1.0, 2 * float(min(tails)))


def order_p(a: Values, b: Values, seed: int = 0) -> float:
    """Two-sided p of a rank correlation of (C,) with (C,), were treatments ordered by chance."""
    if len(a) <= _EXACT:
        orders = np.array(list(permutations(range(len(a)))))
    else:
        rng = np.random.default_rng(seed)
        orders = np.stack([np.arange(len(a)), *(rng.permutation(len(a)) for _ in range(9_999))])
    correlations = np.abs(spearman(np.repeat(a[:, None], len(orders), axis=1), b[orders].T))
    return float((correlations >= abs(spearman(a[:, None], b[:, None])[0]) - 1e-9).mean())


def _effect(drawn: Values, alpha: float) -> Effect:
    low, high = np.quantile(drawn[1:], [alpha / 2, 1 - alpha / 2])
    value = float(drawn[0])
    return Effect(
        "rank correlation of shift and loss", value, min(float(low), value), max(float(high), value)
    )


def _reason(effect: Effect, count: int, encoder: str, by_order: float, context: Context) -> str:
    if context.barred:
        return f"No verdict: {context.barred}."
    return (
        f"Over {count} treatments the shift in {encoder} and the loss of accuracy correlate by "
        f"{effect.value:+.2f}, {100 * (1 - context.alpha):g} % CI {effect.low:+.2f} to {effect.high:+.2f}; "
        f"above {THRESHOLD:+.1f} it counts. Of all orders of the treatments {by_order:.1%} agree or "
        "disagree as well."
    )


CLAIM = Claim(
    name=NAME,
    hypothesis="The farther a treatment shifts pictures in a fixed encoder's space, the more accuracy falls.",
    roles=(Role("model", ("cnn", "vlm")),),
    judge=judge,
    ablation=Ablation(together=FEWEST),
    embeddings="needed",
    threshold=THRESHOLD,
)
