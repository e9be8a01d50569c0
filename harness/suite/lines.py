"""Where in the text of a TOML file a key stands, which parsers of TOML do not tell."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Path = tuple[str | int, ...]

_NAME = r"""(?:[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_DOTTED = rf"({_NAME}(?:\s*\.\s*{_NAME})*)"
_HEADER = re.compile(rf"\s*(\[\[?)\s*{_DOTTED}\s*\]")
_KEY = re.compile(rf"\s*{_DOTTED}\s*=")
_TEXT = re.compile("'''|\"\"\"")


def line_of(text: str, keys: Sequence[str | int]) -> int | None:
    """The line of a key, else of the innermost of its tables that there is; None for none of them.

    Args:
        text: the file, which is TOML.
        keys: from the outermost table to the key; of an array of tables also the place in it.

    >>> line_of("[a]\\nb = 1\\n[[c.d]]\\n[[c.d]]\\ne = {f = 1}", ["c", "d", 1, "e", "f"])
    5
    """
    found: dict[Path, int] = {}
    for number, path in _paths(text):
        for end in range(1, len(path) + 1):
            found.setdefault(path[:end], number)
    wanted = tuple(keys)
    return next((found[wanted[:end]] for end in range(len(wanted), 0, -1) if wanted[:end] in found), None)


def _paths(text: str) -> Iterator[tuple[int, Path]]:
    """The lines that begin a table or give a key its value, with the path of it."""
    table: Path = ()
    arrays: Counter[Path] = Counter()
    inside = ""  # what ends the text of several lines
    for number, line in enumerate(text.split("\n"), 1):
        marks = _TEXT.findall(line)
        if inside:
            inside = "" if marks and marks[0] == inside else inside
            continue
        if header := _HEADER.match(line):
            table = _names(header[2])
            if header[1] == "[[":
                arrays[table] += 1
                table = (*table, arrays[table] - 1)
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *_names(key[1]))
        inside = marks[0] if len(marks) % 2 else ""


def _names(dotted: str) -> Path:
    names: list[str | int] = []
    inner = tomllib.loads(f"{dotted} = 0")
    while isinstance(inner, dict):
        ((name, inner),) = inner.items()
        names.append(name)
    return tuple(names)
