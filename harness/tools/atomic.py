"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes through a temporary file beside `path` and moves it into place.

    A reader sees the old file or the new one; a killed or failed write leaves `path` as it was. The file gets
    the mode that the umask, or its folder, gives any new file: it is made as one. `tempfile` makes files that
    nobody else can read.

    Raises:
        OSError: as the file system gave it; the temporary file is gone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            write(file)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
