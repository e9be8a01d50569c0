"""Files that say whether they are whole: the content, then its sha256; and whether they are files at all."""

from __future__ import annotations

import errno
import hashlib
import stat
from pathlib import Path

_SIZE = 32


def sealed(content: bytes) -> bytes:
    """The content with its checksum behind it, where readers of most formats do not look."""
    return content + hashlib.sha256(content).digest()


def unsealed(body: bytes) -> bytes | None:
    """The content of what `sealed` made, or None where a single bit of it has changed."""
    content, checksum = body[:-_SIZE], body[-_SIZE:]
    return content if checksum == hashlib.sha256(content).digest() else None


def regular(path: Path) -> Path:
    """The path of a regular file: a pipe would be waited for, and a device may never end.

    Raises:
        OSError: it is something else, or not there.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return path
