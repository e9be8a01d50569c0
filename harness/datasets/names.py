"""File names as systems write them, and the one form in which a data set knows them."""

import os
import unicodedata
from collections.abc import Iterable, Mapping

# What systems put beside pictures, some of it pictures itself (Synology's `@eaDir` holds thumbnails).
_SYSTEM = {"__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "system volume information"}
# What nobody takes for a picture: what people write about a set, and its lists.
_DOCUMENTS = {
    *("txt", "md", "rst", "html", "htm", "pdf", "doc", "docx", "py", "m"),
    *("csv", "tsv", "json", "jsonl", "xml", "yaml", "yml", "toml", "xls", "xlsx", "ods"),
}
_TITLES = {"readme", "license", "licence", "copying", "notice", "sha256sums", "md5sums"}


def plain(name: str) -> str:
    """A name in the form that ids have everywhere: `/` between parts, composed accents (NFC), valid Unicode.

    macOS stores `e` and an accent apart, older systems write bytes of Windows-1252.

    >>> plain("tra\\u0308nen/1.png")
    'tränen/1.png'
    """
    if not name.isascii():
        name = unicodedata.normalize("NFC", "/".join(map(_valid, name.split("/"))))
    return name


def _valid(part: str) -> str:
    if all(not 0xD800 <= ord(sign) <= 0xDFFF for sign in part):
        return part
    return os.fsencode(part).decode("cp1252", errors="replace")


def hidden(name: str) -> bool:
    """Whether a name is a system's own, such as `.DS_Store` and `__MACOSX/train/angry/._1.jpg`."""
    return any(
        (part.startswith(".") and part != "..") or part.casefold() in _SYSTEM for part in name.split("/")
    )


def wrapper(names: Iterable[str], stem: str) -> str | None:
    """The one folder that holds all files, if it is called like the folder or zip that holds it; else None.

    That is how archives of a folder look, and what Windows makes of them when it unpacks.
    """
    tops = {top if below else "" for top, below, _ in (name.partition("/") for name in names)}
    top = next(iter(tops), "")
    return top if len(tops) == 1 and top and plain(top).casefold() == plain(stem).casefold() else None


def document(name: str) -> bool:
    """Whether a file is a text or a table by its name, as they lie beside the pictures of a set."""
    stem, dot, suffix = name.rpartition("/")[2].casefold().rpartition(".")
    return suffix in (_DOCUMENTS if dot else _TITLES) or stem in _TITLES


class Lookup:
    """Finds files by the names that a list gives them, which may differ in case.

    Args:
        names: Plain names of the files.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._folded = _unambiguous((name.casefold(), name) for name in self._names)
        self._stems = _unambiguous((_stem(name), name) for name in self._names)

    def __call__(self, name: str) -> str | None:
        """The file of that name; one that differs by case alone, if it is the only one; else None."""
        return name if name in self._names else self._folded.get(name.casefold())

    def alike(self, name: str) -> str | None:
        """The only file whose name, without folders and suffix, is that of `name`; for advice."""
        return self._stems.get(_stem(name))


def _stem(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0].casefold()


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    found: dict[str, str | None] = {}
    for key, name in pairs:
        found[key] = name if key not in found else None
    return {key: name for key, name in found.items() if name is not None}
