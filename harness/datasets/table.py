"""The rows of a list of images, whatever encoding, delimiter and line ends it was saved with."""

import codecs
import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.errors import DataError, UsageError

from .content import real_kind

COLUMNS = ("path", "label", "group", "split")
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_DELIMITERS = (",", "\t", ";", "|", " ")


@dataclass(frozen=True)
class Table:
    """A list of images.

    Attributes:
        rows: (line number, cells by lower-case column) of each row; a cell that a short row lacks is empty.
        encoding: What it was read as.
    """

    rows: tuple[tuple[int, Mapping[str, str]], ...]
    encoding: str


def read_table(data: bytes, place: str, columns: Sequence[str] | None) -> Table:
    """Reads a list of images.

    Args:
        data: Content of the file.
        place: Name of the file, for messages.
        columns: Names of its columns, or None when its first line has them.

    Raises:
        UsageError: There are no columns path and label.
        DataError: It is no text, or its quotation marks do not match.
    """
    text, encoding = _text(data, place)
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    if not lines.strip():
        raise DataError(f"{place} is empty. Restore the list from the original download.")
    first, _, rest = lines.partition("\n")
    if skipped := first.lower().startswith("sep="):  # Excel's word for the delimiter, told by the header, too
        lines, first = rest, rest.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(lines), delimiter=_delimiter(first, columns), skipinitialspace=True, strict=True
    )
    rows = []
    try:
        header = [cell.strip().casefold() for cell in columns or next(reader, [])]
        if not {"path", "label"} <= set(header):
            raise UsageError(
                f"{place} has the columns {', '.join(header)}. Name them with `columns` in the "
                f"suite: path and label are needed, {' and '.join(COLUMNS[2:])} are read too."
            )
        for row in reader:
            if any("\n" in cell for cell in row):
                raise csv.Error("a quotation mark opens and is not closed")
            if any(row):
                cells = [cell.strip() for cell in row] + [""] * len(header)
                rows.append((reader.line_num + skipped, dict(zip(header, cells, strict=False))))
    except csv.Error as error:
        raise DataError(
            f"{place} cannot be read at line {reader.line_num + skipped} ({error}). "
            "Correct its quotation marks."
        ) from error
    return Table(tuple(rows), encoding)


def _text(data: bytes, place: str) -> tuple[str, str]:
    """The text, and the encoding it is in: by its mark, else UTF-8, else UTF-16, else Windows-1252."""
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")
    if not encoding and b"\0" in data:
        encoding = "utf-16-le" if data[1::2].count(0) >= data[::2].count(0) else "utf-16-be"
    for tried in [encoding] if encoding else ["utf-8", "cp1252"]:
        try:
            text = data.decode(tried)
        except UnicodeError:
            continue
        if "\0" not in text:
            return text, tried
    kind = real_kind(data) or "it is neither UTF-8 nor UTF-16 nor Windows-1252"
    raise DataError(f"{place} is not a text ({kind}). Save the list as CSV in UTF-8.")


def _delimiter(first: str, columns: Sequence[str] | None) -> str:
    """What parts the cells: that which gives the columns wanted, else that which gives most."""
    cells = {
        sign: next(csv.reader([first], delimiter=sign, skipinitialspace=True), []) for sign in _DELIMITERS
    }
    for sign, found in cells.items():
        names = {cell.strip().casefold() for cell in found}
        if len(found) == len(columns) if columns else {"path", "label"} <= names:
            return sign
    return max(cells, key=lambda sign: len(cells[sign]))
