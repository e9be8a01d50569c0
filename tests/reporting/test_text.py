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
    parts = [child for child in inline.children or () if (child.type, child.content) != PARTED]
    assert {child.type for child in parts} <= {"text", "text_special"}
    assert "".join(child.content for child in parts) == f"x{text.plain(foreign, 240)}x"


PARTED = ("html_inline", "<!-- -->")
# As GitHub finds them in the texts of a page, each of which ends where an element or a comment begins.
FOUND = (
    r"(?<![\w])@[A-Za-z0-9]",
    r"[\w.+-]+@[\w-]+\.\w",
    r"[\w-]+@[0-9a-f]{7,40}",
    r"#\d",
    r"(?i)\bgh-\d",
    r"(?i)\b(https?|ftp)://",
    r"(?i)\bwww\.",
    r":[\w+-]+:",
)


@pytest.mark.parametrize(
    "foreign",
    [
        *("@octocat", "(cc @org/team)", "a.b@c.org", "octocat@16c999e8", "#1", "o/r#12", "GH-7", "gh-7"),
        *("https://evil.example/x", "HTTP://evil.example", "ftp://x.y", "www.evil.example", "://www.x.y"),
        *(":tada:", "it is :+1: and :no_entry:", "::bee::", "a:b:c", "mail to mailto:a@b.org"),
    ],
)
def test_nobody_is_called_and_nothing_is_linked(foreign: str) -> None:
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").parse(text.markdown(foreign))
    children = next(token for token in tokens if token.type == "inline").children or ()
    shown = "".join("\0" if (child.type, child.content) == PARTED else child.content for child in children)
    assert shown.replace("\0", "") == foreign
    for part in shown.split("\0"):
        assert not [pattern for pattern in FOUND if re.search(pattern, part)], part


@pytest.mark.parametrize(
    "name", ["vit-b-32@mteb", "fer2013:private", "macro_f1", "-0.5", "1.5", "C#", "a # b"]
)
def test_names_and_numbers_stay_as_they_are(name: str) -> None:
    assert text.markdown(name) == name


@pytest.mark.parametrize(
    "start", ["# big", "###### x", "- x", "+ x", "12. x", "2) x", "---", "===", "-", "#"]
)
def test_an_item_of_a_list_holds_one_paragraph(start: str) -> None:
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").parse(f"- {text.markdown(start)}\n")
    opened = [token.type for token in tokens if token.nesting >= 0]
    assert opened == ["bullet_list_open", "list_item_open", "paragraph_open", "inline"]
    assert tokens[3].children is not None
    assert "".join(child.content for child in tokens[3].children) == start
