"""A set of files, in a folder or in a zip that is read in place."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from harness.errors import DataError
from harness.stimuli import Pixels
from harness.tools.digests import file_stamp, settled

from .files import read_regular, unreadable
from .names import hidden, plain
from .pixels import decode_image
from .problems import Problems, shown
from .zip_tree import ZipTree


class FileTree(Protocol):
    """Files by their relative name, with `/` between parts on every system.

    Attributes:
        where: The folder or zip, for messages.
        names: Sorted names of the files in their plain form, see `plain`; hidden ones are left out.
        problems: Files that cannot be used, one line each.
        stamp: Changes with any file, and is known without reading them; None where there is no such thing.
    """

    where: str
    names: tuple[str, ...]
    problems: tuple[str, ...]
    stamp: str | None

    def read(self, name: str) -> bytes:
        """The content of one of `names`; raises DataError with the name of the file."""

    def mark(self, name: str) -> tuple[int, ...] | None:
        """What stays the same as long as the content of one of `names` does; None where nothing says so."""


@dataclass(frozen=True)
class TreeImages:
    """Decoder of images in a tree: the `read` of a data set.

    Attributes:
        tree: Where the files are.
        files: Sample id -> name in the tree.
        shape: The shape that every image must have, or None for any.
    """

    tree: FileTree
    files: Mapping[str, str]
    shape: tuple[int, int] | None = None

    def __call__(self, sample_id: str) -> Pixels:
        """The pixels of one sample; raises DataError with the name of the file."""
        name = self.files[sample_id]
        place = f"{self.tree.where}/{shown(name)}"
        pixels = decode_image(self.tree.read(name), place)
        if self.shape is not None and pixels.shape != self.shape:
            got = f"{pixels.shape[1]} x {pixels.shape[0]} {'grey' if pixels.ndim == 2 else 'RGB'}"
            wanted = f"{self.shape[1]} x {self.shape[0]} grey"
            reason = f"is {got}, expected {wanted}"
            raise DataError(f"{place} {reason}. Restore the file from the original download.", reason=reason)
        return pixels

    def mark(self, sample_id: str) -> tuple[int, ...] | None:
        """See `FileTree.mark`."""
        return self.tree.mark(self.files[sample_id])


def open_tree(path: Path) -> FileTree:
    """The files under a folder, or in a zip.

    Raises:
        DataError: `path` is a file but no intact zip.
    """
    if path.is_dir():
        return FolderTree(path)
    if not path.is_file():
        raise DataError(f"{path} is neither a folder nor a regular file. Name the folder or zip of the data.")
    state = path.stat()
    return _zip_tree(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)  # listing the 35,887 members of FER-2013 takes 0.3 s, and each split asks for it
def _zip_tree(path: Path, modified: int, size: int) -> ZipTree:
    return ZipTree(path)


class FolderTree:
    """The files under a folder; links are followed (hubs and DVC link every file), each folder once."""

    stamp: str | None = None

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path
        self._files: dict[str, str] = {}
        problems = Problems()
        for file in sorted(self._walk(problems)):
            if hidden(name := plain(file)):
                continue
            if name in self._files:
                problems.add(
                    "another file has that name in another spelling, left out", f"{self.where}/{name}"
                )
            self._files.setdefault(name, file)
        self.names = tuple(sorted(self._files))
        self.problems = problems.lines()

    def read(self, name: str) -> bytes:
        """The content of the file; raises DataError."""
        return read_regular(self._path / self._files[name])

    def mark(self, name: str) -> tuple[int, ...] | None:
        """Its stamp, once it has stood still for a while."""
        try:
            stamp = file_stamp(os.path.join(self.where, self._files[name]))
        except OSError:
            return None
        return stamp if settled(stamp) else None

    def _walk(self, problems: Problems) -> list[str]:
        def note(error: OSError) -> None:
            problems.add(unreadable(Path(error.filename), error).reason, str(error.filename))

        names, seen = [], set()
        for folder, folders, files in os.walk(self._path, onerror=note, followlinks=True):
            real = os.path.realpath(folder)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            inside = Path(folder).relative_to(self._path)
            names += [(inside / file).as_posix() for file in files]
        return names


class Inside:
    """The files of a tree that lie in one of its folders, by their names in there."""

    def __init__(self, tree: FileTree, folder: str) -> None:
        self.where = f"{tree.where}/{folder}"
        self.names = tuple(name.removeprefix(f"{folder}/") for name in tree.names)
        self.problems, self.stamp = tree.problems, tree.stamp
        self._tree, self._folder = tree, folder

    def read(self, name: str) -> bytes:
        """The content of the file; raises DataError."""
        return self._tree.read(f"{self._folder}/{name}")

    def mark(self, name: str) -> tuple[int, ...] | None:
        """As the tree around it says."""
        return self._tree.mark(f"{self._folder}/{name}")
