"""How far a treatment moves pictures in a fixed encoder's space, and in which respect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.claims.claim import Context
from harness.claims.mean_effect import mean_effect, share
from harness.claims.verdict import Effect
from harness.predictions import Predictions

Values = NDArray[np.float64]

_ROUNDING = 1e-6  # of products of unit vectors in single precision


def movement(before: Predictions, after: Sequence[Predictions], context: Context) -> list[Effect]:
    """What each treatment does to the embeddings of the same pictures; [] where there are none.

    * mean cosine distance between a picture before and after;
    * pictures still nearest to their own original among all originals: whether they remain the same face;
    * the part of the squared movement that lies along directions in which the labels' mean embeddings
      differ: whether it is the expression that moves. Blind movement has (K - 1) / D of it there.

    Args:
        before: answers on the pictures before treatment.
        after: answers on the treated pictures.
        context: holds the embeddings.
    """
    if context.embeddings is None or not context.embeddings.complete.any():
        return []
    known = context.embeddings.complete
    kept = before.subset(known)
    start = _units(context.embeddings.of(before.cell.restoration)[known])
    effects = []
    for side in after:
        end, name = _units(context.embeddings.of(side.cell.restoration)[known]), side.cell.restoration
        distance = mean_effect(
            f"mean cosine distance, {name}",
            (1 - (start * end).sum(axis=1)).clip(0, 2),
            0,
            2,
            groups=kept.groups,
            threshold=0.0,
            context=context,
        )
        own = (start * end).sum(axis=1) >= (end @ start.T).max(axis=1) - _ROUNDING
        effects += [
            distance.effect,
            share(f"still nearest to their own original, {name}", own, kept, context),
            Effect(f"movement along the labels' directions, {name}", expression_part(start, end, kept.gold)),
        ]
    return [effect for effect in effects if not np.isnan(effect.value)]


def expression_part(start: Values, end: Values, gold: NDArray[np.int64]) -> float:
    """Share of the squared movement (N, D) -> (N, D) in the span of the differences of the labels' means.

    nan where nothing moves or all samples are of one label.

    >>> start = np.array([[1.0, 0, 0], [0, 1, 0]])
    >>> round(expression_part(start, start + [[0.1, -0.1, 0], [0, 0, 0.1]], np.array([0, 1])), 3)
    0.667
    """
    means = np.stack([start[gold == label].mean(axis=0) for label in np.unique(gold)])
    _, sizes, directions = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)
    along = directions[sizes > 1e-6 * max(float(sizes.max()), 1e-300)]
    moved = end - start
    total = float((moved**2).sum())
    return float(((moved @ along.T) ** 2).sum()) / total if total and len(means) > 1 else float("nan")


def _units(rows: NDArray[np.float32]) -> Values:
    wide = rows.astype(np.float64)
    units: Values = wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-300)
    return units
