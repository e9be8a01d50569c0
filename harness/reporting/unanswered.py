"""What stands under every metric table: how many answers are none and why, and what was odd about others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.predictions.table import OUTCOMES, Predictions
from harness.reporting.text import count, plain

_REASONS = 3
_SAID = {
    "out_of_vocabulary": "out of vocabulary",
    "refusal": "refused",
    "unparsable": "unparsable",
    "failed": "failed",
}


def unanswered(predictions: Predictions) -> list[str]:
    """One line per kind of answer that is none, with its most frequent reasons; remarks follow.

    Such answers count as wrong in every metric over all samples. Every text is plain, on one line.
    """
    table, n = predictions.table, len(predictions)
    lines = []
    for outcome in OUTCOMES[1:]:
        reasons = table["reason"][table["outcome"] == outcome].tolist()
        if reasons:
            lines.append(f"{count(len(reasons))} of {count(n)} {_SAID[outcome]}{_most_frequent(reasons)}")
    remarks = table["remark"][table["outcome"] == "parsed"].dropna().tolist() if "remark" in table else []
    if remarks:
        lines.append(f"{count(len(remarks))} of {count(n)} answered with a remark{_most_frequent(remarks)}")
    return lines


def _most_frequent(texts: Sequence[object]) -> str:
    counts = Counter(plain(text, 200).rstrip(".") for text in texts if isinstance(text, str) and text)
    shown = counts.most_common(_REASONS)
    if shown and shown[0][1] == len(texts):
        return f": {shown[0][0]}."
    told = [f"{count(times)} {text}" for text, times in shown]
    if rest := sum(counts.values()) - sum(times for _, times in shown):
        told.append(f"{count(rest)} for other reasons")
    return f": {'; '.join(told)}." if told else "."
