"""What files hold, by digests that are computed once and remembered while a file stays the same file."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from harness.errors import DataError
from harness.tools.atomic import write_atomically
from harness.tools.paths import default_store
from harness.tools.sealed import sealed, unsealed

# Clocks of file systems tick every 2 seconds at worst: a file that was written within the last tick may be
# written again without looking any different.
TICK_NS = 2 * 10**9
# Larger files take longer to hash than to look up on disk, 14 GB of weights a quarter of a minute.
DEAR = 1 << 20

Stamp: TypeAlias = tuple[int, ...]


def file_digest(path: Path) -> str:
    """sha256 of what a file holds.

    It is computed anew whenever inode, size or one of the times of the file have changed. Digests of large
    files are remembered between runs, under `digests` in the default store.

    Raises:
        OSError: the file cannot be read.
        DataError: it does not stand still.
    """
    for _ in range(3):
        stamp = file_stamp(path)
        if not settled(stamp):
            digest = _hashed(path)
        elif stamp[2] < DEAR:
            digest = _remembered(path, stamp)
        else:
            digest = _kept(path, stamp)
        if file_stamp(path) == stamp:
            return digest
    raise DataError(f"{path} changes while it is read. Wait until whatever writes it is done.")


def file_stamp(path: Path | str) -> Stamp:
    """Device, inode, size and times of a file: another one whenever its content may be another.

    Raises:
        OSError: the file is not there.
    """
    stat = os.stat(path)
    # The time of change cannot be set, as that of modification is by whoever copies a file with its times.
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def settled(stamp: Stamp) -> bool:
    """Whether a file has stood still for so long that a change would show in its stamp."""
    now = time.time_ns()
    return all(abs(now - moment) > TICK_NS for moment in stamp[3:])


def _hashed(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@lru_cache(maxsize=4096)
def _remembered(path: Path, stamp: Stamp) -> str:
    del stamp
    return _hashed(path)


@lru_cache(maxsize=4096)
def _kept(path: Path, stamp: Stamp) -> str:
    name = hashlib.sha256(str(path.absolute()).encode(errors="surrogateescape")).hexdigest()
    note = default_store() / "digests" / name[:32]
    with suppress(OSError, ValueError):
        known = json.loads(unsealed(note.read_bytes()) or b"[]")
        if known[:-1] == list(stamp):
            return str(known[-1])
    digest = _hashed(path)
    if file_stamp(path) == stamp:
        with suppress(OSError):
            body = sealed(json.dumps([*stamp, digest]).encode())
            write_atomically(note, lambda file: file.write(body))
    return digest


def folder_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of all files of a folder and those below it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    told = [(path.relative_to(folder).as_posix(), file_digest(path)) for path in files]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
