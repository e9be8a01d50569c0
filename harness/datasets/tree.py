"""A set of files, in a folder or in a zip that is read in place."""

import hashlib
import lzma
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from harness.errors import DataError

from .pixels import Pixels, decode_image
from .problems import shown

MAX_FILE_BYTES = 256 * 1024 * 1024


class FileTree(Protocol):
    """Files by their relative name, with `/` between parts on every system.

    Attributes:
        where: The folder or zip, for messages.
        names: Sorted names of the files, hidden ones left out.
        problems: Files that cannot be used, one line each.
        stamp: Changes with any file, and is known without reading them; None where there is no such thing.
    """

    where: str
    names: tuple[str, ...]
    problems: tuple[str, ...]
    stamp: str | None

    def read(self, name: str) -> bytes:
        """The content of one of `names`; raises DataError with the name of the file."""


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
            raise DataError(
                f"{place} is {got}, expected {wanted}. Restore the file from the original download."
            )
        return pixels


def open_tree(path: Path) -> FileTree:
    """The files under a folder, or in a zip.

    Raises:
        DataError: `path` is a file but no intact zip.
    """
    if path.is_dir():
        return FolderTree(path)
    state = path.stat()
    return _zip_tree(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)  # listing the 35,887 members of FER-2013 takes 0.3 s, and each split asks for it
def _zip_tree(path: Path, modified: int, size: int) -> "ZipTree":
    return ZipTree(path)


class FolderTree:
    """The files under a folder; links are followed, each folder once."""

    problems: tuple[str, ...] = ()
    stamp: str | None = None

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path
        self.names = tuple(sorted(name for name in self._walk() if not _hidden(name)))

    def read(self, name: str) -> bytes:
        """The content of the file; raises DataError."""
        file = self._path / name
        try:
            _check_size(file.stat().st_size, str(file))
            return file.read_bytes()
        except OSError as error:
            raise DataError(
                f"{file} cannot be read ({error.strerror}). Check the file and its rights."
            ) from error

    def _walk(self) -> list[str]:
        names, seen = [], set()
        for folder, folders, files in os.walk(self._path, followlinks=True):
            real = os.path.realpath(folder)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            inside = Path(folder).relative_to(self._path)
            names += [(inside / file).as_posix() for file in files]
        return names


class ZipTree:
    """The files in a zip, never unpacked; one handle per process, opened at the first read."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path
        self._handle: tuple[int, zipfile.ZipFile] | None = None
        members: dict[str, zipfile.ZipInfo] = {}
        problems = []
        for member in self._zip().infolist():
            fault = _fault(member, members)
            if fault:
                problems.append(f"{self.where}/{shown(member.orig_filename)}: {fault}, left out")
            elif not member.is_dir() and not _hidden(member.filename):
                members[member.filename] = member
        self._members = members
        self.names = tuple(sorted(members))
        self.problems = tuple(problems)
        listing = [(name, members[name].CRC, members[name].file_size) for name in self.names]
        self.stamp: str | None = hashlib.sha256(repr(listing).encode()).hexdigest()

    def read(self, name: str) -> bytes:
        """The content of the member; raises DataError."""
        member = self._members[name]
        place = f"{self.where}/{shown(name)}"
        _check_size(member.file_size, place)
        try:
            return self._zip().read(member)
        except (
            zipfile.BadZipFile,
            zlib.error,
            lzma.LZMAError,
            OSError,
            EOFError,
            RuntimeError,  # encrypted
            NotImplementedError,  # unknown compression
        ) as error:
            raise DataError(
                f"{place} cannot be read from the zip ({error}). Download the zip again."
            ) from error

    def _zip(self) -> zipfile.ZipFile:
        # A forked worker shares its parent's file position, so it opens a handle of its own.
        if self._handle is None or self._handle[0] != os.getpid():
            try:
                self._handle = os.getpid(), zipfile.ZipFile(self._path)
            except (zipfile.BadZipFile, OSError) as error:
                raise DataError(
                    f"{self.where} is not a complete zip ({error}). Download it again."
                ) from error
        return self._handle[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handle": None}


def _fault(member: zipfile.ZipInfo, known: Mapping[str, object]) -> str | None:
    name = member.orig_filename
    if "\0" in name or "\\" in name:
        return "its name holds a backslash or a null"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "its name is an absolute path"
    if ".." in name.split("/"):
        return "its name leads out of the zip"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "it is a symbolic link"
    return "the zip holds another file of that name" if member.filename in known else None


def _hidden(name: str) -> bool:
    """Whether a name is a system's own, such as `.DS_Store` and `__MACOSX/train/angry/._1.jpg`."""
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _check_size(size: int, place: str) -> None:
    if size > MAX_FILE_BYTES:
        raise DataError(
            f"{place} unpacks to {size:,} bytes, more than the {MAX_FILE_BYTES:,} that an image may have. "
            "Remove or shrink the file."
        )
