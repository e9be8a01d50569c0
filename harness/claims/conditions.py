"""Treatments of the same pictures: how far each shifts their embeddings, and what accuracy it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.claims.claim import Context
from harness.claims.verdict import Effect
from harness.errors import DataError
from harness.metrics import classifier_auc, fid, kid, mmd2_test, swap_sums
from harness.predictions import Predictions

FEWEST = 5

Values = NDArray[np.float64]

# A shift is one number of many pictures, and 1,000 of 1,280 dimensions take 2 s of a treatment where all
# 3,589 of PrivateTest take 30 s. Losses of accuracy come from all pictures.
_MOST_PICTURES = 1_000
_MOST_REPLICATES = 1_000
_FEW_REPLICATES = 199
_FOLDS = 5


@dataclass(frozen=True)
class Conditions:
    """C treatments, observed and under R resamples of the pictures.

    Attributes:
        plain: answers without treatment.
        treated: (C,) answers under each treatment.
        pictures: the samples that shifts are measured on.
        shifts: (C, 1 + R) unbiased MMD^2 from the untreated pictures, observed first.
        losses: (C, 1 + R) accuracy lost.
    """

    plain: Predictions
    treated: tuple[Predictions, ...]
    pictures: NDArray[np.int64]
    shifts: Values
    losses: Values

    @classmethod
    def of(cls, plain: Predictions, treated: Sequence[Predictions], context: Context) -> Conditions:
        """Measures all treatments on the same resamples; groups are drawn whole.

        Raises:
            DataError: hardly any sample has embeddings under every restoration.
        """
        assert context.embeddings is not None
        rng = np.random.default_rng(context.seed)
        known = np.flatnonzero(context.embeddings.complete)
        if len(known) < 2 * _FOLDS:
            raise DataError(
                f"{context.cell}: {len(known)} of {len(plain):,} samples have embeddings under every "
                "restoration. Look up in the store why the others failed."
            )
        pictures = np.sort(rng.permutation(known)[:_MOST_PICTURES])
        weights = _weights(plain.groups, min(context.replicates, _MOST_REPLICATES), rng)
        before = plain.answers == plain.gold
        start = context.embeddings.of(plain.cell.restoration)[pictures]
        shifts, losses = [], []
        for side in treated:
            end = context.embeddings.of(side.cell.restoration)[pictures]
            shifts.append(swap_sums(start, end, weights[pictures]))
            lost = before.astype(float) - (side.answers == side.gold)
            losses.append(lost @ weights / weights.sum(axis=0))
        return cls(plain, tuple(treated), pictures, np.array(shifts), np.array(losses))

    def effects(self, context: Context) -> tuple[Effect, ...]:
        """Shift and loss of each treatment with their intervals; shifts times 1,000, as CMMD."""
        found = []
        for side, shift, loss in zip(self.treated, 1000 * self.shifts, self.losses, strict=True):
            for name, drawn in (("MMD^2 x 1,000", shift), ("loss of accuracy", loss)):
                low, high = np.quantile(drawn[1:], [context.alpha / 2, 1 - context.alpha / 2])
                found.append(
                    Effect(f"{name}, {side.cell.restoration}", float(drawn[0]), float(low), float(high))
                )
        return tuple(found)

    def lines(self, context: Context) -> list[str]:
        """A line on each treatment with the other measures of shift."""
        assert context.embeddings is not None
        everyone = self.plain.groups
        groups = [everyone[picture] for picture in self.pictures]
        folds = min(_FOLDS, len(set(groups)))
        start = context.embeddings.of(self.plain.cell.restoration)[self.pictures]
        # Where a network's features are large, KID and FID are; scaled, they compare between networks.
        size = float(np.sqrt(np.mean(start**2))) or 1.0
        lines = [
            f"Shifts are measured in the embeddings of {context.embeddings.encoder} "
            f"({start.shape[1]} dimensions) on {len(self.pictures):,} pictures."
        ]
        for side in self.treated:
            end = context.embeddings.of(side.cell.restoration)[self.pictures]
            test = mmd2_test(
                start,
                end,
                paired=True,
                groups=groups,
                replicates=min(context.replicates, _FEW_REPLICATES),
                seed=context.seed,
            )
            area = classifier_auc(start, end, paired=True, groups=groups, folds=folds, seed=context.seed)
            lines.append(
                f"{side.cell.restoration}: shift p = {test.p_value:.3g} (permutation), told apart with an "
                f"AUC of {area:.3f}, KID x 1,000 {1000 * kid(start / size, end / size, paired=True):.3g}, "
                f"FID {fid(start / size, end / size):.3g} (both of features of unit mean square)."
            )
        return lines


def _weights(groups: Sequence[str], replicates: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(N, 1 + R) how often each sample is drawn; the first column is the sample itself."""
    _, codes = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    number = int(codes.max()) + 1
    drawn = rng.multinomial(number, np.full(number, 1 / number), replicates).astype(np.float32)
    return np.concatenate([np.ones((len(codes), 1), np.float32), drawn.T[codes]], axis=1)
