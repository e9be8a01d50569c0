"""Which images a set holds, by what its file names or its CSV list say."""

import csv
import io
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.errors import DataError, UsageError

from .problems import Problems
from .tree import FileTree

WHOLE = "all"  # the split of a set that has none
_COLUMNS = ("path", "label", "group", "split")


@dataclass(frozen=True)
class Listed:
    """One image as the set describes it: its file, its label and split as written, its group if given."""

    file: str
    label: str
    split: str
    group: str | None = None


@dataclass(frozen=True)
class Listing:
    """The images of all splits, and the files that could not be placed."""

    items: tuple[Listed, ...]
    problems: Problems


def from_names(names: Iterable[str], layout: str) -> Listing:
    """Images whose names say split and label.

    >>> from_names(["train/happy/1.png"], "<split>/<label>/*").items
    (Listed(file='train/happy/1.png', label='happy', split='train', group=None),)

    Raises:
        UsageError: The layout does not say where the label is, or has an unknown part.
    """
    if "<label>" not in layout:
        raise UsageError(f"Layout {layout!r} has no <label>. Write it as in <split>/<label>/*.")
    pattern = _pattern(layout)
    problems = Problems()
    items = []
    for name in names:
        if match := pattern.fullmatch(name):
            parts = match.groupdict()
            items.append(Listed(name, parts["label"], parts.get("split", WHOLE)))
        else:
            problems.add(f"not where the layout {layout} says, left out", name)
    return Listing(tuple(items), problems)


def from_table(tree: FileTree, table: str, columns: Sequence[str] | None, file: str, layout: str) -> Listing:
    """Images listed in the file `table` of the tree.

    Args:
        tree: The files of the set.
        table: Name of the list.
        columns: Names of its columns, or None when its first line has them.
        file: The file that a row means, with `<path>` or `<stem>` of what the row says.
        layout: Where the file's name says the split, should the list have no such column.

    Raises:
        UsageError: The list is not in the tree, or columns or layout are wrong.
        DataError: The list is no text.
    """
    if table not in tree.names:
        raise UsageError(f"{tree.where} holds no list {table!r}. Correct `csv` in the suite.")
    pattern = _pattern(layout)
    names = set(tree.names)
    problems = Problems()
    items: dict[str, Listed] = {}
    for line, row in _rows(tree, table, columns):
        path = posixpath.normpath(row["path"].replace("\\", "/"))
        name = file.replace("<path>", path).replace("<stem>", posixpath.splitext(path)[0])
        match = pattern.fullmatch(name)
        place = f"{table}, line {line}"
        if name not in names:
            problems.add(f"lists a file that {tree.where} does not hold, left out", f"{place} ({name})")
        elif match is None:
            problems.add(f"not where the layout {layout} says, left out", name)
        elif name in items:
            problems.add("lists a file a second time, left out", f"{place} ({name})")
        else:
            split = row.get("split") or match.groupdict().get("split") or WHOLE
            items[name] = Listed(name, row["label"], split, row.get("group") or None)
    return Listing(tuple(items.values()), problems)


def _rows(tree: FileTree, table: str, columns: Sequence[str] | None) -> list[tuple[int, Mapping[str, str]]]:
    """(line number, cells by lower-case column) of each row that is whole."""
    try:
        text = tree.read(table).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{tree.where}/{table} is not UTF-8 text ({error}). Convert it to UTF-8.") from error
    first = text.partition("\n")[0]
    delimiter = next((sign for sign in ",\t" if sign in first), " ")
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    header = [cell.strip().casefold() for cell in columns or next(reader, [])]
    if not {"path", "label"} <= set(header):
        raise UsageError(
            f"{tree.where}/{table} has the columns {', '.join(header)}. Name them with `columns` in the "
            f"suite: path and label are needed, {' and '.join(_COLUMNS[2:])} are read too."
        )
    # A short row, such as a last line without end, gives empty cells and so an unknown label.
    return [
        (
            reader.line_num,
            dict(zip(header, [cell.strip() for cell in row] + [""] * len(header), strict=False)),
        )
        for row in reader
        if any(row)
    ]


def _pattern(layout: str) -> re.Pattern[str]:
    """A layout as a pattern: `<split>` and `<label>` within one folder or file name, `*` anything."""
    parts = re.split(r"(<\w+>|\*)", layout)
    for part in parts[1::2]:
        if part not in ("<split>", "<label>", "*") or (part != "*" and parts.count(part) > 1):
            raise UsageError(
                f"Layout {layout!r} has a wrong {part}. Use <split> and <label> once each, and *."
            )
    return re.compile(
        "".join(
            re.escape(part) if place % 2 == 0 else ".*" if part == "*" else f"(?P{part}[^/]+?)"
            for place, part in enumerate(parts)
        )
    )
