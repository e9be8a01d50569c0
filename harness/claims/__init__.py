"""Claims: predictions in, verdict out. No claim touches a model, a file or pytest."""

from __future__ import annotations

from harness.claims.ablation import Ablation, Arm
from harness.claims.claim import Claim, Context, Evidence, Role
from harness.claims.contrast import Contrast
from harness.claims.embeddings import Embeddings
from harness.claims.verdict import OUTCOMES, Effect, Outcome, Verdict, decide, settle
from harness.errors import UsageError
from harness.tools.adapters import adapter_names, find_adapter
from harness.tools.nearest import nearest

BUILT_IN = (
    "cnn_beats_vlm",
    "domain_shift_explains",
    "label_order_bias",
    "neutral_collapse",
    "no_label_degradation",
    "persona_shifts_sentiment",
    "reasoning_helps",
    "reproduces_published",
    "restoration_drift",
    "restoration_helps",
    "restoration_helps_vlms_more",
)


GROUP = "emotion_harness.claims"


def get_claim(name: str, adapter: str = "") -> Claim:
    """The claim of a name, built in or registered under the entry point `emotion_harness.claims`.

    Args:
        name: its name in the suite.
        adapter: `package.module:CLAIM` of the project, where the name alone is not known.

    Raises:
        UsageError: there is none, or it has another name.
    """
    known = {one: f"harness.claims.{one}:CLAIM" for one in BUILT_IN}
    if not adapter and name not in (names := adapter_names(known, GROUP)):
        raise UsageError(
            f"Claim {name!r} is unknown. Use one of {', '.join(names)}, or add adapter = "
            f"'package.module:CLAIM' of your own. {nearest(name, names)}"
        )
    claim = find_adapter(adapter or name, f"Claim {name}", known, GROUP)
    if not isinstance(claim, Claim) or claim.name != name:
        raise UsageError(f"Claim {name} is {claim!r:.80}. Make it a harness.claims.Claim of this name.")
    return claim


def claim_names() -> list[str]:
    """All names that stand for a claim."""
    return adapter_names(dict.fromkeys(BUILT_IN, ""), GROUP)


__all__ = [
    "BUILT_IN",
    "OUTCOMES",
    "Ablation",
    "Arm",
    "Claim",
    "Context",
    "Contrast",
    "Effect",
    "Embeddings",
    "Evidence",
    "Outcome",
    "Role",
    "Verdict",
    "claim_names",
    "decide",
    "get_claim",
    "settle",
]
