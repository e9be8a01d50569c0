"""Claims: predictions in, verdict out. No claim touches a model, a file or pytest."""

from __future__ import annotations

from importlib import import_module, metadata

from harness.claims.claim import Claim, Context, Evidence, Role
from harness.claims.contrast import Contrast
from harness.claims.verdict import OUTCOMES, Effect, Outcome, Verdict, decide, settle
from harness.errors import UsageError

BUILT_IN = (
    "cnn_beats_vlm",
    "label_order_bias",
    "neutral_collapse",
    "no_label_degradation",
    "persona_shifts_sentiment",
    "reasoning_helps",
    "reproduces_published",
)


def get_claim(name: str) -> Claim:
    """The claim of a name, built in or registered under the entry point `emotion_harness.claims`.

    Raises:
        UsageError: there is none.
    """
    if name in BUILT_IN:
        claim: Claim = import_module(f"harness.claims.{name}").CLAIM
        return claim
    plugins = {point.name: point for point in metadata.entry_points(group="emotion_harness.claims")}
    if name not in plugins:
        raise UsageError(f"Claim {name!r} is unknown. Use one of {', '.join(sorted({*BUILT_IN, *plugins}))}.")
    loaded: Claim = plugins[name].load()
    return loaded


__all__ = [
    "BUILT_IN",
    "OUTCOMES",
    "Claim",
    "Context",
    "Contrast",
    "Effect",
    "Evidence",
    "Outcome",
    "Role",
    "Verdict",
    "decide",
    "get_claim",
    "settle",
]
