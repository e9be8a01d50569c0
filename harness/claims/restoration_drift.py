"""Restoring pictures changes what a fixed model decides about them.

A restorer invents detail. Whether or not that helps on balance, a model that decides otherwise about the same
face was shown another expression. Only models that decide alike when asked again can tell.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from harness.claims.ablation import Ablation
from harness.claims.claim import Claim, Context, Role
from harness.claims.evidence import check_same_samples, invalid_notes
from harness.claims.mean_effect import bar, mean_effect, mean_verdict, share
from harness.claims.movement import movement
from harness.claims.verdict import Effect, Verdict
from harness.errors import DataError
from harness.predictions import Predictions

NAME = "restoration_drift"
THRESHOLD = 0.05

_MOST_MOVES = 3


def judge(treated: Predictions, *others: Predictions, context: Context) -> Verdict:
    """Counts the pictures about which a model decides otherwise once they are restored.

    Args:
        treated: answers on the restored pictures.
        others: the same model's answers on the same pictures under other restorations, shown for comparison:
            an interpolation (what enlarging changes), or the restoration in other colours. The last are those
            without any restoration, which decide.
        context: cell name, level and family size; the movement of its embeddings is shown.

    Raises:
        DataError: the samples differ, or there is nothing to compare with.
    """
    if not others:
        raise DataError(f"{context.cell} has one restoration alone. Ask without restoration, too.")
    check_same_samples((treated, *others))
    *companions, plain = others
    if not all(side.repeatable for side in (treated, *others)):
        context = bar(context, f"{treated.cell.model} may answer the same picture differently")
    found = mean_effect(
        "share of changed decisions",
        (treated.answers != plain.answers).astype(float),
        0,
        1,
        groups=plain.groups,
        threshold=THRESHOLD,
        context=context,
    )
    name = treated.cell.restoration
    return mean_verdict(
        NAME,
        found,
        context,
        threshold=THRESHOLD,
        subject=f"Between {plain.cell.restoration} and {name}",
        secondary=(
            *_kinds(treated, plain, context),
            *(
                share(
                    f"decisions that differ between {side.cell.restoration} and {name}",
                    treated.answers != side.answers,
                    plain,
                    context,
                )
                for side in companions
            ),
            *(
                share(f"accuracy, {side.cell.restoration}", side.answers == side.gold, side, context)
                for side in (treated, *others)
            ),
            *movement(plain, (treated, *companions), context),
        ),
        notes=(
            *_moves(treated, plain),
            *_encoder_note(context),
            *invalid_notes(f"Restoration {name}", treated),
            *invalid_notes("Without restoration", plain),
        ),
    )


def _kinds(treated: Predictions, plain: Predictions, context: Context) -> list[Effect]:
    """The changed decisions by what they come to."""
    before, after = plain.answers == plain.gold, treated.answers == treated.gold
    changed = treated.answers != plain.answers
    kinds = {
        "mended, wrong to right": after & ~before,
        "broken, right to wrong": before & ~after,
        "changed from wrong to wrong": changed & ~before & ~after,
    }
    return [share(name, values, plain, context) for name, values in kinds.items()]


def _moves(treated: Predictions, plain: Predictions) -> list[str]:
    """Which label most often becomes which."""
    changed = np.flatnonzero(treated.answers != plain.answers)
    names = (*plain.space.labels, "no answer")
    pairs = Counter((int(plain.answers[index]), int(treated.answers[index])) for index in changed)
    if not pairs:
        return []
    said = ", ".join(
        f"{names[before]} to {names[after]} {number:,} times"
        for (before, after), number in pairs.most_common(_MOST_MOVES)
    )
    return [f"Of the {len(changed):,} changed decisions most went from {said}."]


def _encoder_note(context: Context) -> list[str]:
    if context.embeddings is None:
        return []
    return [f"Movement of pictures is measured in the embeddings of {context.embeddings.encoder}."]


CLAIM = Claim(
    name=NAME,
    hypothesis="Restoring pictures changes what a fixed model decides about them.",
    roles=(Role("model", ("cnn", "vlm"), ("classifier", "contrastive")),),
    judge=judge,
    ablation=Ablation(twins=True),
    embeddings="welcome",
    threshold=THRESHOLD,
)
