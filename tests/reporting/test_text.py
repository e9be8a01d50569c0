import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reporting import text


@given(st.floats(0, 1), st.integers(1, 10**7))
def test_rounding_moves_a_rate_by_less_than_its_standard_error(rate: float, n: int) -> None:
    assert abs(float(text.number(rate, n)) - rate) <= 0.5 / math.sqrt(n)


@pytest.mark.parametrize(
    ("value", "n", "shown"),
    [(0.7118, 3589, "0.712"), (1.0, 7178, "1.000"), (0.5, 55, "0.50"), (0.0, 3, "0.0")],
)
def test_digits_follow_n(value: float, n: int, shown: str) -> None:
    assert text.number(value, n) == shown


def test_signed_numbers_keep_their_sign_but_zero_has_none() -> None:
    assert [text.number(v, 3589, signed=True) for v in (0.0132, -0.0132, -0.0001)] == [
        "+0.013",
        "-0.013",
        "0.000",
    ]


@pytest.mark.parametrize("missing", [None, math.nan, math.inf])
def test_what_is_missing_is_said_to_be(missing: float | None) -> None:
    assert text.number(missing, 10) == text.p_value(missing) == text.count(missing) == "n/a"
    assert text.estimate(0.5, missing, 0.6, 100) == "0.50"


@given(st.text())
def test_plain_text_is_one_line_without_controls_or_overrides(foreign: str) -> None:
    shown = text.plain(foreign, limit=50)
    assert len(shown) <= 50
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)


def test_plain_text_keeps_every_script_and_joined_emoji() -> None:
    foreign = "憂鬱 тоска غم 👩\u200d👧"
    assert text.plain(foreign) == foreign


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_markdown_renders_as_the_text_it_was(foreign: str) -> None:
    from markdown_it import MarkdownIt

    cell = f"| a |\n| --- |\n| x{text.markdown(foreign)}x |\n"
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(cell)
    (inline,) = [token for token in tokens if token.type == "inline"][1:]
    assert {child.type for child in inline.children or ()} <= {"text", "text_special"}
    assert "".join(child.content for child in inline.children or ()) == f"x{text.plain(foreign, 240)}x"
