import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from harness.reporting.verdicts import headline, terminal_table, verdict_counts, verdict_rows

Claims = list[dict[str, Any]]


def shown(claims: Claims, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(terminal_table(claims))
    return console.file.getvalue()


def test_headline_counts_every_outcome(claims: Claims) -> None:
    assert headline(claims, skipped=4) == (
        "20 claims judged: 13 supported, 2 refuted, 5 inconclusive; 4 skipped. 6 not as expected."
    )
    assert sum(verdict_counts(claims).values()) == len(claims)


def test_of_a_limited_run_nothing_is_unexpected_since_expectations_hold_for_the_full_set(
    claims: Claims,
) -> None:
    limited = [{**claim, "limited": True} for claim in claims]
    assert headline(limited) == (
        "20 claims judged: 13 supported, 2 refuted, 5 inconclusive. "
        "Expectations hold for the full set, not for this limited run."
    )
    assert "unexpected" not in shown(limited)
    rows = verdict_rows(limited)
    assert all(row.as_expected for row in rows)
    assert sum(row.expectation.endswith(" of the full set") for row in rows) == 6


def test_headline_of_nothing_claims_nothing() -> None:
    assert headline([], skipped=1) == "No claim was judged; 1 skipped."


def test_a_row_says_what_was_found_and_what_was_expected(claim: Callable[..., Any]) -> None:
    (row,) = verdict_rows(
        [claim("fer2013:private/none/a-vs-b", "inconclusive", 0.0123, n_needed=12410, half=0.02)]
    )
    assert (row.subjects, row.condition) == (["a", "b"], "fer2013:private/none")
    assert (row.mark, row.expectation, row.as_expected) == ("○", "expected supported", False)
    assert row.effect == "+0.012 [-0.008, +0.032]"
    assert (row.p, row.n, row.needed) == ("0.31", "3,589", "12,410")


def test_the_needed_n_stands_beside_n_only_where_more_is_needed(claim: Callable[..., Any]) -> None:
    rows = verdict_rows([claim("c", verdict, 0.1, n_needed=325) for verdict in ("supported", "inconclusive")])
    assert [row.needed for row in rows] == ["", "325"]
    assert "An effect of the observed size takes about n = 325 to find." in rows[0].background


@pytest.mark.parametrize(("paired", "word"), [(True, "Paired: both sides"), (False, "Unpaired: one side")])
def test_pairing_is_said_in_words(claim: Callable[..., Any], paired: bool, word: str) -> None:
    (row,) = verdict_rows([claim("c", "supported", 0.1, paired=paired)])
    assert row.pairing.startswith(word)


def test_only_an_inconclusive_verdict_says_what_its_n_could_find(claim: Callable[..., Any]) -> None:
    found, open_ = verdict_rows([claim("c", "supported", 0.1), claim("c", "inconclusive", 0.01)])
    assert not any("would likely find" in sentence for sentence in found.background)
    assert any("would likely find is 0.024" in sentence for sentence in open_.background)


def test_a_claim_without_effect_still_has_a_row(claim: Callable[..., Any]) -> None:
    bare = claim("c", "inconclusive", 0.0, effect=None, secondary=[], p_value=None, p_adjusted=None, n=None)
    (row,) = verdict_rows([bare])
    assert (row.effect, row.p, row.n) == ("n/a", "n/a", "n/a")


def test_terminal_table_marks_verdicts_and_surprises_without_colour(claims: Claims) -> None:
    text = shown(claims)
    assert text.count("● supported") == 13
    assert text.count("! unexpected") == 6
    assert "◆ refuted" in text


def test_terminal_table_keeps_whole_names_in_a_narrow_terminal(claim: Callable[..., Any]) -> None:
    name = "fer2013:private/none/a-very-long-model-name-vs-another-one"
    head, *lines = shown([claim(name, "supported", 0.1)], width=72).splitlines()
    column = slice(head.index("claim"), head.index("effect"))
    assert "".join(line[column].strip() for line in lines) == f"cnn_beats_vlm{name}"
    assert max(map(len, lines)) <= 72


def test_terminal_table_shows_foreign_text_as_it_stands(claim: Callable[..., Any], hostile: str) -> None:
    text = shown([claim(hostile, "supported", 0.1, claim="[bold]x[/]")], width=400)
    assert "[bold]x[/]" in text
    assert "[red]" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
