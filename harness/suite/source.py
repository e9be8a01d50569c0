"""The text of a suite: from bytes to TOML, with the cause and the line where it is none."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.suite.lines import line_of
from harness.tools.forms import texts
from harness.tools.sealed import regular

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_WHERE = re.compile(r"\(at line (\d+), column \d+\)")
_BASIC = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
# A drive, or a word without blanks, in which an escape became a control character: `C:\new`, `data\test`.
_BROKEN_PATH = re.compile(r"(?=.*[\x00-\x1f\x7f])(?:[A-Za-z]:.*|[^ ]*)", re.DOTALL)
_LITERAL = r"Write Windows paths between single quotes, where a backslash is one: 'C:\new\data'."
# Whose strings name files; prose and questions may have lines.
_NAMING = ("datasets", "models", "restorations", "published")


@dataclass(frozen=True)
class Source:
    """A suite as it is written.

    Attributes:
        path: the file.
        text: its text.
        tables: what it holds.
    """

    path: Path
    text: str
    tables: Mapping[str, Any]

    def who(self, what: str, *tables: str | int) -> Callable[[str], str]:
        """How messages about the keys of a table begin: `Profile smoke of evals/suite.toml, line 7,`.

        Args:
            what: what the table is.
            tables: from the outermost table to this one.
        """

        def who(key: str) -> str:
            line = line_of(self.text, (*tables, key))
            return f"{what} of {self.path}" + (f", line {line}," if line else "")

        return who


def read_toml(path: Path) -> Source:
    """A TOML file, with a byte-order mark and without.

    Raises:
        UsageError: it cannot be read, is not TOML, or holds a Windows path that TOML reads as something else.
    """
    try:
        content = regular(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"The suite {path} cannot be read ({error.strerror}). Name one with --suite."
        ) from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageError(f"The suite {path} is UTF-16, and TOML is UTF-8. Save it as UTF-8.")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(
            f"The suite {path} is not valid TOML: line {line} is not UTF-8. Save the file as UTF-8."
        ) from error
    try:
        raw = tomllib.loads(text)
    except ValueError as error:
        raise UsageError(
            f"The suite {path} is not valid TOML ({error}). {_advice(text, str(error))}"
        ) from error
    except RecursionError as error:
        raise UsageError(f"The suite {path} nests tables or lists too deep. Write them flat.") from error
    _check_paths(raw, text, path)
    return Source(path, text, raw)


def _advice(text: str, error: str) -> str:
    """How to mend what is not TOML: its line, above all where that has a path of Windows in it."""
    where = _WHERE.search(error)
    lines = text.split("\n")
    line = lines[int(where[1]) - 1] if where and int(where[1]) <= len(lines) else ""
    return _LITERAL if re.search(r'"[^"]*\\', line) else "Correct that line."


def _check_paths(raw: dict[str, Any], text: str, path: Path) -> None:
    """Paths whose backslashes were taken for escapes, such as a line end for the `\\n` of `C:\\new`."""
    for found in texts([raw.get(name) for name in _NAMING]):
        if _BROKEN_PATH.fullmatch(found):
            raise UsageError(
                f"The suite {path} has {found!r}{_place(found, text)}, in which a backslash became a control "
                f"character. {_LITERAL}"
            )


def _place(value: str, text: str) -> str:
    """Line and column of a string between double quotes, where it stands on one line."""
    for match in _BASIC.finditer(text):
        try:
            written = tomllib.loads(f"it = {match[0]}")["it"]
        except ValueError:
            continue
        if written == value:
            line, start = text.count("\n", 0, match.start()) + 1, text.rfind("\n", 0, match.start())
            return f" (at line {line}, column {match.start() - start})"
    return ""
