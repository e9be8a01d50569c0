"""How numbers and foreign text are written in every report: terminal, Markdown and HTML alike."""

import math
import re

# Control characters, direction overrides and isolates, halves of surrogate pairs.
_DECEIVING = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


def decimals(n: float) -> int:
    """Decimals that a proportion of `n` samples supports.

    The standard error of a proportion is of the order of 1/sqrt(n). The last digit shown is worth between a
    thirtieth and a third of that: 1 decimal up to n = 9, 2 up to 999, 3 up to 99,999; never more than 5.

    Args:
        n: Number of samples behind the value; anything below 1 counts as 1.

    >>> [decimals(n) for n in (5, 55, 999, 3589, 35887)]
    [1, 2, 2, 3, 3]
    """
    return min(5, math.floor(math.log10(max(n, 1)) / 2 + 0.5) + 1)


def number(value: float | None, n: float, *, signed: bool = False) -> str:
    """A rate, or a difference of rates, rounded to what `n` supports; "n/a" when there is none.

    >>> number(0.71234, 3589), number(0.0512, 60, signed=True), number(None, 10)
    ('0.712', '+0.05', 'n/a')
    """
    if value is None or not math.isfinite(value):
        return "n/a"
    rounded = round(value, decimals(n)) + 0.0  # + 0.0 turns -0.0 into 0.0
    return f"{rounded:{'+' if signed and rounded else ''}.{decimals(n)}f}"


def interval(low: float | None, high: float | None, n: float, *, signed: bool = False) -> str:
    """An interval in square brackets, or the empty string when either end is missing.

    >>> interval(0.6971, 0.7268, 3589)
    '[0.697, 0.727]'
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{number(low, n, signed=signed)}, {number(high, n, signed=signed)}]"


def estimate(
    value: float | None, low: float | None, high: float | None, n: float, *, signed: bool = False
) -> str:
    """A value followed by its interval, where there is one.

    >>> estimate(0.0653, 0.041, 0.0894, 3589, signed=True)
    '+0.065 [+0.041, +0.089]'
    """
    return f"{number(value, n, signed=signed)} {interval(low, high, n, signed=signed)}".rstrip()


def p_value(p: float | None) -> str:
    """A p-value with three decimals, two from 0.1 on, "< 0.001" below; "n/a" when there is none.

    >>> p_value(0.00004), p_value(0.0312), p_value(0.4711)
    ('< 0.001', '0.031', '0.47')
    """
    if p is None or not math.isfinite(p):
        return "n/a"
    return "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def count(n: float | None) -> str:
    """A whole number with thousands separators; "n/a" when there is none.

    >>> count(35887)
    '35,887'
    """
    return "n/a" if n is None or not math.isfinite(n) else f"{n:,.0f}"


def duration(seconds: float) -> str:
    """A time span in the two largest units that it fills.

    >>> duration(8.31), duration(133), duration(7384)
    ('8.3 s', '2 min 13 s', '2 h 3 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


# What the harness says of itself ends in the fix, often a command or an address: it is not to be cut off.
MESSAGE = 4_000


def plain(text: object, limit: int = 1_000) -> str:
    """Foreign text on one line: control and direction-override characters made visible, cut at `limit`.

    A model's answer may hold anything; a right-to-left override, for one, would reverse the rest of its row.

    >>> plain("happy " + chr(0x202E) + "sad"), plain("abcdef", limit=4)
    ('happy �sad', 'abc…')
    """
    line = _DECEIVING.sub("�", " ".join(str(text).split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"


_MARKUP = re.compile(r"([\\`*\[\]|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
# What makes a heading, a list or a rule of the start of a text, where it stands in a list itself.
_BLOCK = re.compile(r"^(?:\d{1,9}(?=[.)](?:\s|$))|(?=[#+-]+(?:\s|$))|(?==+$))")
# What GitHub makes links, pictures and notifications of: where to part it.
_REFERENCE = re.compile(
    r"(?<![A-Za-z0-9])@(?=[A-Za-z0-9])|@(?=[\w-]+\.\w|[0-9a-f]{7})"  # @user, a@b.org, user@commit
    r"|#(?=\d)|\bGH-(?=\d)"  # issues
    r"|\b(?:https?|ftp)(?=://)|\bwww(?=\.)"  # bare links
    r"|:(?=[\w+-]+:)",  # emoji
    re.IGNORECASE,
)
_NOTHING = "<!-- -->"  # seen by nobody, it parts two texts


def markdown(text: object, limit: int = 240) -> str:
    """Foreign text as literal GitHub Markdown for a table cell or an item of a list.

    There is no markup, link, image, HTML or math in it, no heading or list, nobody is notified, and no issue
    is linked. Underscores inside words stay as they are, as they mean nothing there: names stay legible.

    >>> print(markdown("<b>x</b> | [a](javascript:b) macro_f1 _c_"))
    &lt;b&gt;x&lt;/b&gt; \\| \\[a\\](javascript:b) macro_f1 \\_c\\_
    >>> print(markdown("cc @team, see #12"), markdown("vit@paper on fer2013:test"))
    cc @<!-- -->team, see #<!-- -->12 vit@paper on fer2013:test
    """
    escaped = _BLOCK.sub(r"\g<0>\\", _MARKUP.sub(r"\\\1", plain(text, limit)))
    safe = escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _REFERENCE.sub(rf"\g<0>{_NOTHING}", safe)
