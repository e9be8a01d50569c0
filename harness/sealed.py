"""Files that say whether they are whole: the content, then its sha256."""

from __future__ import annotations

import hashlib

_SIZE = 32


def sealed(content: bytes) -> bytes:
    """The content with its checksum behind it, where readers of most formats do not look."""
    return content + hashlib.sha256(content).digest()


def unsealed(body: bytes) -> bytes | None:
    """The content of what `sealed` made, or None where a single bit of it has changed."""
    content, checksum = body[:-_SIZE], body[-_SIZE:]
    return content if checksum == hashlib.sha256(content).digest() else None
