"""Which images a set holds, by what its file names or its CSV list say."""

import posixpath
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from harness.errors import UsageError

from .names import Lookup, plain
from .problems import Problems
from .table import read_table
from .tree import FileTree

WHOLE = "all"  # the split of a set that has none


@dataclass(frozen=True)
class Listed:
    """One image as the set describes it: its file, its label and split as written, its group if given."""

    file: str
    label: str
    split: str
    group: str | None = None


@dataclass(frozen=True)
class Listing:
    """The images of all splits, the files that could not be placed, and what is listed without a file."""

    items: tuple[Listed, ...]
    problems: Problems
    missing: tuple[Listed, ...] = ()


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

    A list may be older than the place: what all of its paths begin with is dropped as far as it must be for
    them to lead to files, and names may differ in case and in the form of their accents.

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
    find = Lookup(tree.names)
    found = find(_normal(table))
    if found is None:
        raise UsageError(f"{tree.where} holds no list {table!r}. Correct `csv` in the suite.")
    place = f"{tree.where}/{found}"
    read = read_table(tree.read(found), place, columns)
    pattern = _pattern(layout)
    problems = Problems()
    if read.encoding == "cp1252":
        problems.add("is not UTF-8, so it was read as Windows-1252", place)
    items: dict[str, Listed] = {}
    missing: list[tuple[str, Listed]] = []
    rows = [(line, row, _normal(row["path"])) for line, row in read.rows]
    dropped = _foreign([path for _, _, path in rows], lambda path: find(_named(file, path)) is not None)
    for line, row, path in rows:
        wanted = _named(file, _without(path, dropped))
        where = f"{table}, line {line} ({wanted})"
        name = find(wanted)
        match = pattern.fullmatch(name or wanted)
        split = row.get("split") or (match and match.groupdict().get("split")) or WHOLE
        listed = Listed(name or wanted, row["label"], split, row.get("group") or None)
        if name is None and columns and line == 1:
            problems.add("taken for a header, left out", where)
        elif name is None:
            missing.append((where, listed))
        elif match is None:
            problems.add(f"not where the layout {layout} says, left out", name)
        elif name in items:
            problems.add("lists a file a second time, left out", where)
        else:
            items[name] = listed
    absent = Problems()
    alike = find.alike(missing[0][1].file) if missing else None
    advice = f" (it holds {alike}; see `file` in the suite)" if alike and not items else ""
    for where, _ in missing:
        absent.add(f"lists a file that {tree.where} does not hold{advice}, left out", where)
    every = Problems({**absent.files, **problems.files})
    return Listing(tuple(items.values()), every, tuple(listed for _, listed in missing))


def _normal(path: str) -> str:
    """A path as any system may write it, in the form of the names of a tree."""
    return posixpath.normpath(plain(path.replace("\\", "/")))


def _named(file: str, path: str) -> str:
    return file.replace("<path>", path).replace("<stem>", posixpath.splitext(path)[0])


def _foreign(paths: Sequence[str], there: Callable[[str], bool]) -> int:
    """How many folders that all paths share must go for one of them to lead to a file; 0 if nothing helps."""
    folders = zip(*(path.split("/")[:-1] for path in paths), strict=False)
    shared = sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, folders))
    return next((n for n in range(shared + 1) if any(there(_without(path, n)) for path in paths)), 0)


def _without(path: str, folders: int) -> str:
    return path.split("/", folders)[-1]


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
