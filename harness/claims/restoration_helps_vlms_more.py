"""Restoration helps vision-language models more than CNNs.

A CNN was trained on pictures like the published ones, a vision-language model on photographs: what makes
small grey faces look like photographs should help the second more. The interaction that arXiv 2508.13524
leaves open by restoring for both alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.claims.ablation import Ablation
from harness.claims.claim import Claim, Context, Role
from harness.claims.evidence import check_same_samples, invalid_notes
from harness.claims.mean_effect import METHOD, mean_effect, mean_verdict, share
from harness.claims.verdict import Effect, Verdict
from harness.claims.weakest import weakest
from harness.errors import DataError
from harness.predictions import Predictions

NAME = "restoration_helps_vlms_more"
THRESHOLD = 0.01


def judge(*sides: Predictions, context: Context) -> Verdict:
    """Compares two models' gains from restoration on the same samples.

    Each sample adds (VLM restored - VLM control) - (CNN restored - CNN control), from -2 to 2. Of several
    controls the one with the least difference decides, see `weakest`.

    Args:
        sides: the VLM's answers on restored pictures and under each control, then the CNN's in that order.
        context: cell name, level and family size.

    Raises:
        DataError: the samples differ, or the two models were not asked under the same restorations.
    """
    vlm, cnn = sides[: len(sides) // 2], sides[len(sides) // 2 :]
    names = [side.cell.restoration for side in vlm]
    if len(names) < 2 or names != [side.cell.restoration for side in cnn]:
        raise DataError(
            f"{context.cell} has not the same restorations of both models. Ask both with a restoration and "
            "the same controls."
        )
    check_same_samples(sides)
    differences = [
        mean_effect(
            f"gain over {name}, VLM - CNN",
            _gains(vlm[0], vlm[place]) - _gains(cnn[0], cnn[place]),
            -2,
            2,
            groups=vlm[0].groups,
            threshold=THRESHOLD,
            context=context,
        )
        for place, name in enumerate(names[1:], start=1)
    ]
    found = weakest(differences, THRESHOLD)
    return mean_verdict(
        NAME,
        found,
        context,
        threshold=THRESHOLD,
        subject=f"With {names[0]}",
        method=METHOD if len(differences) == 1 else f"{METHOD}, the least of {len(differences)} decides",
        secondary=(
            *(one.effect for one in differences if one.effect.name != found.effect.name),
            *(
                effect
                for role, of_role in (("VLM", vlm), ("CNN", cnn))
                for effect in _of(role, of_role, context)
            ),
        ),
        notes=(*invalid_notes("VLM", *vlm), *invalid_notes("CNN", *cnn)),
    )


def _gains(treated: Predictions, control: Predictions) -> NDArray[np.float64]:
    """(N,) 1 where the restoration mends an answer, -1 where it breaks one."""
    right = (treated.answers == treated.gold).astype(np.float64)
    gains: NDArray[np.float64] = right - (control.answers == control.gold)
    return gains


def _of(role: str, sides: tuple[Predictions, ...], context: Context) -> list[Effect]:
    """The accuracies of one model."""
    return [
        share(f"accuracy of the {role}, {side.cell.restoration}", side.answers == side.gold, side, context)
        for side in sides
    ]


CLAIM = Claim(
    name=NAME,
    hypothesis="Restoring faces helps a vision-language model more than a CNN trained on such faces.",
    roles=(Role("vlm", ("vlm",)), Role("cnn", ("cnn",))),
    judge=judge,
    ablation=Ablation(),
    threshold=THRESHOLD,
)
