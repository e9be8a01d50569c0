"""Texts in the cells of a CSV file, so written that no spreadsheet takes them for a formula.

A spreadsheet computes a cell that begins with `=`, `+`, `-` or `@`, or with the wide form of one, and goes
on. Where it parts columns by another character than the comma, or rows by a line end inside quotes, it also
computes what stands behind that. An apostrophe before the sign makes it a text; one more before those that
were there keeps the difference, so that `meant(inert(text)) == text` for every text. Only a NUL, which the
CSV of Python 3.10 neither writes nor reads, becomes its picture, U+2400.
"""

from __future__ import annotations

import re

_START, _SIGN = r"(^|[;|\t\r\n])", r"(?=[=+\-@＝＋－＠].)"
_TO_WRITE = re.compile(rf"{_START}('*){_SIGN}", re.DOTALL)
_WRITTEN = re.compile(rf"{_START}'('*){_SIGN}", re.DOTALL)


def inert(text: str) -> str:
    """A text as it is written into a cell.

    >>> inert("=1+1"), inert("happy"), inert("'-1")
    ("'=1+1", 'happy', "''-1")
    """
    return _TO_WRITE.sub(r"\1'\2", text.replace("\0", "\u2400"))


def meant(text: str) -> str:
    """The text that was written into a cell.

    >>> meant("'=1+1"), meant("-1"), meant("'quoted'")
    ('=1+1', '-1', "'quoted'")
    """
    return _WRITTEN.sub(r"\1\2", text)
