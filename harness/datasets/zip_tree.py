"""The files in a zip, read in place."""

import hashlib
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.errors import DataError

from .content import archive_kind, real_kind
from .files import bounded, unreadable
from .names import hidden, plain
from .problems import Problems, shown

# What zipfile inflates piece by piece; it unpacks all other methods at once, to whatever size they have.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UTF8 = 0x800  # flag of a member: its name is UTF-8


class ZipTree:
    """The files in a zip, never unpacked; one handle per process, opened at the first read."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._path = path
        self._handle: tuple[int, zipfile.ZipFile] | None = None
        members: dict[str, zipfile.ZipInfo] = {}
        problems = Problems()
        for member in self._zip().infolist():
            name = _name(member)
            if hidden(name) or name.endswith("/"):
                continue
            if fault := _fault(member, name, members):
                problems.add(f"{fault}, left out", f"{self.where}/{name}")
            else:
                members[name] = member
        self._members = members
        self.names = tuple(sorted(members))
        self.problems = problems.lines()
        listing = [(name, members[name].CRC, members[name].file_size) for name in self.names]
        self.stamp: str | None = hashlib.sha256(repr(listing).encode()).hexdigest()

    def read(self, name: str) -> bytes:
        """The content of the member; raises DataError."""
        place = f"{self.where}/{shown(name)}"
        try:
            with self._zip().open(self._members[name]) as stream:
                return bounded(stream, place)
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            EOFError,
            RuntimeError,  # encrypted
            NotImplementedError,  # of a later version of the format
        ) as error:
            reason = f"cannot be read from the zip ({_cause(error, self._members[name])})"
            raise DataError(f"{place} {reason}. Download the zip again.", reason=reason) from error

    def mark(self, name: str) -> tuple[int, ...] | None:
        """Checksum and size, by the directory of the zip."""
        return self._members[name].CRC, self._members[name].file_size

    def _zip(self) -> zipfile.ZipFile:
        # A forked worker shares its parent's file position, so it opens a handle of its own.
        if self._handle is None or self._handle[0] != os.getpid():
            try:
                self._handle = os.getpid(), zipfile.ZipFile(self._path)
            except OSError as error:
                raise unreadable(self._path, error) from error
            except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
                raise _no_zip(self._path, error) from error
        return self._handle[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handle": None}


def _name(member: zipfile.ZipInfo) -> str:
    """The name as its system meant it: some write backslashes, and UTF-8 without saying so."""
    name = member.orig_filename
    if not member.flag_bits & _UTF8 and not name.isascii():
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()
    return plain(name.replace("\\", "/"))


def _fault(member: zipfile.ZipInfo, name: str, known: Mapping[str, object]) -> str | None:
    if "\0" in name:
        return "its name holds a null"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "its name is an absolute path"
    if ".." in name.split("/"):
        return "its name leads out of the zip"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "it is a symbolic link"
    if member.compress_type not in _METHODS:
        return "it is not packed by Deflate, as `zip -r` would"
    return "the zip holds another file of that name" if name in known else None


def _cause(error: Exception, member: zipfile.ZipInfo) -> str:
    """What went wrong, without the name of the file, so that files of one fault go into one line."""
    return str(error).replace(repr(member.filename), "it") or type(error).__name__


def _no_zip(path: Path, error: Exception) -> DataError:
    with path.open("rb") as file:
        head = file.read(512)
    kind = archive_kind(head)
    if kind and not head.startswith(b"PK"):
        return DataError(
            f"{path} is no zip: {kind}, which is not read in place. Unpack it, or pack it as a zip."
        )
    return DataError(
        f"{path} is not a complete zip ({real_kind(head) if not kind else error}). Download it again."
    )
