"""report.md: the run as GitHub Markdown, small enough for a CI job summary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from harness.predictions.table import Predictions
from harness.reporting.baseline import Comparison
from harness.reporting.environment import environment_facts, packages
from harness.reporting.metric_table import figures
from harness.reporting.text import MESSAGE, count, markdown
from harness.reporting.unanswered import unanswered
from harness.reporting.verdicts import VerdictRow, headline, verdict_rows
from harness.runs import Run

SIZE_LIMIT = 1_000_000
"""Bytes; GitHub drops a job summary above 1 MiB."""

_ROW_LIMIT = 300
_CUT = "\n\nCut here: a job summary holds no more. The whole is in report.html.\n"


def render_markdown(run: Run, tables: Mapping[str, pd.DataFrame], comparison: Comparison | None) -> str:
    """The report of `run` as Markdown of at most `SIZE_LIMIT` bytes.

    Args:
        run: The run.
        tables: Cell id to its `metric_table`.
        comparison: What changed since the baseline, when the run has one.
    """
    sections = {
        "Verdicts": _verdicts(verdict_rows(run.claims)),
        "Metrics": _metrics(tables, run.predictions),
        "Problems": _bullets(markdown(problem, MESSAGE) for problem in run.problems),
        "Cards": _bullets(
            f"{markdown(cell)} {markdown(predictions.card)}"
            for cell, predictions in run.predictions.items()
            if predictions.card
        ),
        "Changes since the baseline": comparison.to_markdown() if comparison else "",
        "Skipped": _bullets(
            f"{markdown(reason, MESSAGE)} ({', '.join(markdown(what) for what in skipped)})"
            for reason, skipped in run.skipped_by_reason.items()
        ),
        "New snapshots": _bullets(
            f"{markdown(new['cell'])}: {markdown(new['command'], 1_000)}" for new in run.new_snapshots
        ),
        "Slow paths": _bullets(markdown(slow, 600) for slow in run.slow_paths),
        "Published results": _published(run.published),
        "Environment": _environment(run.record),
    }
    parts = [f"# Evaluation {markdown(run.name)}", headline(run.claims, len(run.skipped))]
    parts += [f"## {title}\n\n{body}" for title, body in sections.items() if body]
    return _fit("\n\n".join(parts) + "\n")


def _verdicts(rows: Sequence[VerdictRow]) -> str:
    cells = [
        (
            f"{row.mark} {markdown(row.verdict)}",
            markdown(row.expectation) if row.as_expected else f"**{markdown(row.expectation)}**",
            markdown(row.claim),
            markdown(row.cell),
            f"{markdown(row.effect_name)} {row.effect}",
            row.p,
            row.n,
            row.needed,
        )
        for row in rows
    ]
    table = _table(
        ("verdict", "expected", "claim", "cell", "effect", "p adj.", "n", "n needed"), "lllllrrr", cells
    )
    return f"{table}\n\n<details><summary>Reasons</summary>\n\n{_reasons(rows)}\n\n</details>" if rows else ""


def _reasons(rows: Sequence[VerdictRow]) -> str:
    return _bullets(
        f"**{markdown(row.claim)}** on {markdown(row.cell)}: "
        + " ".join(markdown(text, 400) for text in (row.reason, row.pairing, *row.background))
        for row in rows
    )


def _metrics(tables: Mapping[str, pd.DataFrame], predictions: Mapping[str, Predictions]) -> str:
    wanted = ("accuracy", "balanced_accuracy", "macro_f1", "coverage")
    rows = []
    for cell, table in tables.items():
        found = figures(table)
        shown = (str(found.get((name, None), "")) for name in wanted)
        rows.append((markdown(cell), count(found["accuracy", None].n), *shown))
    listed = _table(("cell", "n", "accuracy", "balanced accuracy", "macro-F1", "coverage"), "lrllll", rows)
    notes = _bullets(
        f"{markdown(cell)}: {markdown(note, 1_000)}"
        for cell in tables
        for note in unanswered(predictions[cell])
    )
    return "\n\n".join(part for part in (listed, notes) if part)


def _published(entries: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            markdown(entry["model"]),
            markdown(entry["dataset"]),
            count(entry.get("n")),
            markdown(", ".join(f"{name} {value}" for name, value in (entry.get("metrics") or {}).items())),
            markdown(entry.get("source") or ""),
            "; ".join(markdown(finding) for finding in entry.get("findings") or ()) or "none",
        )
        for entry in entries
    ]
    return _table(("model", "dataset", "n", "metrics", "source", "audit findings"), "llrlll", rows)


def _environment(record: Mapping[str, Any]) -> str:
    facts = [f"**{term}**: {markdown(fact, 1_000)}" for term, fact in environment_facts(record)]
    versions = ", ".join(f"{markdown(name)} {markdown(version)}" for name, version in packages(record))
    return _bullets([*facts, f"**packages**: {versions}"] if versions else facts)


def _table(head: Sequence[str], alignment: str, rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are Markdown already; empty without rows."""
    if not rows:
        return ""
    rule = [{"l": "---", "r": "---:"}[side] for side in alignment]
    lines = [f"| {' | '.join(row)} |" for row in (head, rule, *rows[:_ROW_LIMIT])]
    return "\n".join([*lines, *_rest(len(rows))])


def _bullets(items: Iterable[str]) -> str:
    lines = [f"- {item}" for item in items]
    return "\n".join([*lines[:_ROW_LIMIT], *_rest(len(lines))])


def _rest(total: int) -> list[str]:
    return ["", f"{count(total - _ROW_LIMIT)} more are in report.html."] if total > _ROW_LIMIT else []


def _fit(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= SIZE_LIMIT:
        return text
    kept = encoded[: SIZE_LIMIT - 200].decode(errors="ignore").rpartition("\n")[0]
    closing = "\n\n</details>" if kept.count("<details>") > kept.count("</details>") else ""
    return kept + closing + _CUT
