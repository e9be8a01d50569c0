"""A model gets more right on restored pictures than on the same pictures merely enlarged, or left alone.

Mulukutla et al. 2025 (arXiv 2508.13524) restore all of FER-2013 with GFPGAN before any model sees it, and
measure nothing without. The accuracies beside the verdict are the ablation that their study lacks.
"""

from __future__ import annotations

from harness.claims.ablation import Ablation
from harness.claims.claim import Claim, Context, Role
from harness.claims.evidence import check_same_samples, invalid_notes
from harness.claims.mean_effect import METHOD, mean_effect, mean_verdict, share
from harness.claims.paired import PairedAccuracies, compare_accuracies
from harness.claims.verdict import Verdict
from harness.claims.weakest import weakest
from harness.predictions import Predictions

NAME = "restoration_helps"
THRESHOLD = 0.01


def judge(treated: Predictions, *controls: Predictions, context: Context) -> Verdict:
    """Compares accuracy on restored pictures with that under every control, on the same samples.

    Supported when the gain over each control is above the threshold, refuted when that over one of them is
    below it; see `weakest`. McNemar's test, which asks whether there is any difference at all, stands in
    the notes.

    Args:
        treated: answers on the restored pictures.
        controls: the same model's answers on the same pictures under each control.
        context: cell name, level, family size and seed.

    Raises:
        DataError: the samples differ.
    """
    check_same_samples((treated, *controls))
    right = (treated.answers == treated.gold).astype(float)
    gains = [
        mean_effect(
            f"gain over {control.cell.restoration}",
            right - (control.answers == control.gold),
            -1,
            1,
            groups=treated.groups,
            threshold=THRESHOLD,
            context=context,
        )
        for control in controls
    ]
    found = weakest(gains, THRESHOLD)
    names = [control.cell.restoration for control in controls]
    tested = {
        name: compare_accuracies(f"accuracy difference over {name}", treated, control, context)
        for name, control in zip(names, controls, strict=True)
    }
    return mean_verdict(
        NAME,
        found,
        context,
        threshold=THRESHOLD,
        subject=f"With {treated.cell.restoration}",
        method=METHOD if len(gains) == 1 else f"{METHOD}, the least of {len(gains)} gains decides",
        secondary=(
            *(gain.effect for gain in gains if gain.effect.name != found.effect.name),
            *(
                share(f"accuracy, {side.cell.restoration}", side.answers == side.gold, side, context)
                for side in (treated, *controls)
            ),
        ),
        notes=(
            *(_note(name, pair) for name, pair in tested.items()),
            *(
                note
                for side in (treated, *controls)
                for note in invalid_notes(f"Restoration {side.cell.restoration}", side)
            ),
        ),
    )


def _note(control: str, pair: PairedAccuracies) -> str:
    f1 = pair.f1
    said = (
        f"Any difference from {control}: p = {pair.p_value:.3g} ({pair.method}); macro-F1 {f1.value:+.3f} "
        f"[{f1.low:+.3f}, {f1.high:+.3f}]."
    )
    return f"{said} Macro-F1 says the opposite: frequent labels decide." if pair.opposed else said


CLAIM = Claim(
    name=NAME,
    hypothesis="Restored faces are recognised better than the same faces merely enlarged, or left alone.",
    roles=(Role("model", ("cnn", "vlm")),),
    judge=judge,
    ablation=Ablation(),
    threshold=THRESHOLD,
)
