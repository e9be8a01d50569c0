"""Verdicts as display rows, the same for the terminal, Markdown and HTML.

Imports nothing heavy: the plugin's terminal summary runs in every session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.reporting.text import count, estimate, interval, number, p_value, plain

if TYPE_CHECKING:
    from rich.table import Table

MARKS = {"supported": "●", "refuted": "◆", "inconclusive": "○"}
"""A shape per verdict, so that no reader depends on colour."""

_COLOURS = {"supported": "green", "refuted": "red", "inconclusive": "yellow"}


@dataclass(frozen=True)
class VerdictRow:
    """One entry of claims.json, ready to show; every text is a single line, not yet escaped."""

    anchor: str
    claim: str
    hypothesis: str
    cell: str
    verdict: str
    mark: str
    expectation: str
    as_expected: bool
    effect_name: str
    value: float | None
    low: float | None
    high: float | None
    effect_value: str
    effect_interval: str
    p: str
    n: str
    needed: str
    reason: str
    pairing: str
    background: tuple[str, ...]

    @property
    def effect(self) -> str:
        """The effect with its interval."""
        return f"{self.effect_value} {self.effect_interval}".rstrip()

    @property
    def subjects(self) -> list[str]:
        """The last part of the cell: the model, or the models compared."""
        return self.cell.rpartition("/")[2].split("-vs-")

    @property
    def condition(self) -> str:
        """The cell without its subjects: data, restoration and prompt."""
        return self.cell.rpartition("/")[0]


def verdict_rows(claims: Sequence[Mapping[str, Any]]) -> list[VerdictRow]:
    """Display rows of `claims` (the content of claims.json), in their order."""
    return [_row(claim, f"verdict-{i}") for i, claim in enumerate(claims, start=1)]


def verdict_counts(claims: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many claims got each verdict, in the order of `MARKS`; a verdict that none got counts 0."""
    found = Counter(str(claim["verdict"]) for claim in claims)
    return {verdict: found[verdict] for verdict in MARKS}


def headline(claims: Sequence[Mapping[str, Any]], skipped: int = 0) -> str:
    """The run in a sentence: how many claims were supported, refuted, inconclusive, skipped and unexpected.

    >>> headline([{"verdict": "supported", "as_expected": True}], skipped=2)
    '1 claim judged: 1 supported, 0 refuted, 0 inconclusive; 2 skipped. All as expected.'

    Of a limited run it does not say what was unexpected:

    >>> headline([{"verdict": "refuted", "as_expected": False, "limited": True}]).partition(". ")[2]
    'Expectations hold for the full set, not for this limited run.'
    """
    left_out = f"; {skipped} skipped" if skipped else ""
    if not claims:
        return f"No claim was judged{left_out}."
    tally = ", ".join(f"{found} {verdict}" for verdict, found in verdict_counts(claims).items())
    surprises = sum(_is_surprise(claim) for claim in claims)
    outlook = f"{surprises} not as expected." if surprises else "All as expected."
    if any(claim.get("limited") for claim in claims):
        outlook = "Expectations hold for the full set, not for this limited run."
    return f"{len(claims)} claim{'s' if len(claims) > 1 else ''} judged: {tally}{left_out}. {outlook}"


def terminal_table(claims: Sequence[Mapping[str, Any]]) -> Table:
    """A rich table of the verdicts; foreign text is shown as it stands, never read as markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("verdict", no_wrap=True)
    table.add_column("claim, cell", overflow="fold")
    table.add_column("effect", no_wrap=True)
    table.add_column("p adj.", justify="right", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for row in verdict_rows(claims):
        surprise = "" if row.as_expected else "! unexpected"
        needs = f"needs {row.needed}" if row.needed else ""
        table.add_row(
            Text(f"{row.mark} {row.verdict}\n{surprise}", style=_COLOURS.get(row.verdict, "")),
            Text(f"{row.claim}\n{row.cell}"),
            Text(f"{row.effect_value}\n{row.effect_interval}"),
            Text(row.p),
            Text(f"{row.n}\n{needs}"),
        )
    return table


def _row(claim: Mapping[str, Any], anchor: str) -> VerdictRow:
    effect = claim.get("effect") or {}
    n = claim.get("n") or 1
    verdict = plain(claim["verdict"])
    value, low, high = (effect.get(key) for key in ("value", "low", "high"))
    return VerdictRow(
        anchor=anchor,
        claim=plain(claim["claim"]),
        hypothesis=plain(claim.get("hypothesis") or ""),
        cell=plain(claim["cell"]),
        verdict=verdict,
        mark=MARKS.get(verdict, "?"),
        expectation=_expectation(claim),
        as_expected=not _is_surprise(claim),
        effect_name=plain(effect.get("name") or "effect"),
        value=value,
        low=low,
        high=high,
        effect_value=number(value, n, signed=True),
        effect_interval=interval(low, high, n, signed=True),
        p=p_value(claim.get("p_adjusted")),
        n=count(claim.get("n")),
        needed=count(claim["n_needed"]) if verdict == "inconclusive" and claim.get("n_needed") else "",
        reason=plain(claim.get("reason") or ""),
        pairing=_pairing(claim),
        background=tuple(_background(claim, n)),
    )


def _is_surprise(claim: Mapping[str, Any]) -> bool:
    """Whether a verdict is another than expected, of the full set that the expectation is about."""
    return not claim["as_expected"] and not claim.get("limited")


def _expectation(claim: Mapping[str, Any]) -> str:
    if claim["as_expected"]:
        return "as expected"
    return f"expected {plain(claim['expected'])}{' of the full set' if claim.get('limited') else ''}"


def _pairing(claim: Mapping[str, Any]) -> str:
    n = count(claim.get("n"))
    if claim.get("paired"):
        return f"Paired: both sides answered the same {n} samples."
    return f"Unpaired: one side is known by its figures alone (n = {n}), so the interval is wider."


def _background(claim: Mapping[str, Any], n: int) -> Iterator[str]:
    """Sentences that complete the reason: other effects, what counts, what n can find, method, notes."""
    others = []
    for other in claim.get("secondary") or ():
        ends = estimate(other["value"], other.get("low"), other.get("high"), n, signed=True)
        others.append(f"{plain(other['name'])} {ends}")
    if others:
        yield f"Also: {'; '.join(others)}."
    if claim.get("threshold"):
        yield f"The smallest effect that counts is {number(claim['threshold'], n)}; p is of that one."
    if claim.get("n_needed") is not None:
        yield f"An effect of the observed size takes about n = {count(claim['n_needed'])} to find."
    if claim["verdict"] == "inconclusive" and claim.get("detectable_effect") is not None:
        yield f"The least effect that this n would likely find is {number(claim['detectable_effect'], n)}."
    if claim.get("method"):
        yield f"Method: {plain(claim['method'])}."
    if claim.get("p_value") is not None:
        family = count(claim.get("family_size"))
        yield f"p before adjustment in a family of {family}: {p_value(claim['p_value'])}."
    if claim.get("expected_reason"):
        yield f"Expected to be {plain(claim['expected'])}: {plain(claim['expected_reason'])}"
    yield from (plain(note) for note in claim.get("notes") or ())
