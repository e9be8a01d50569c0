"""Claims: predictions in, verdict out. No claim touches a model, a file or pytest."""

from __future__ import annotations

from importlib import import_module, metadata

from harness.claims.ablation import Ablation, Arm
from harness.claims.claim import Claim, Context, Evidence, Role
from harness.claims.contrast import Contrast
from harness.claims.embeddings import Embeddings
from harness.claims.verdict import OUTCOMES, Effect, Outcome, Verdict, decide, settle
from harness.errors import UsageError
from harness.nearest import nearest

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


def get_claim(name: str) -> Claim:
    """The claim of a name, built in or registered under the entry point `emotion_harness.claims`.

    Raises:
        UsageError: there is none.
    """
    if name in BUILT_IN:
        claim: Claim = import_module(f"harness.claims.{name}").CLAIM
        return claim
    plugins = _plugins()
    if name not in plugins:
        known = claim_names()
        raise UsageError(f"Claim {name!r} is unknown. Use one of {', '.join(known)}. {nearest(name, known)}")
    loaded: Claim = plugins[name].load()
    return loaded


def claim_names() -> list[str]:
    """All names that stand for a claim."""
    return sorted({*BUILT_IN, *_plugins()})


def _plugins() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group="emotion_harness.claims")}


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
