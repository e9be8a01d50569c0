"""Files of the store that prove their content: whoever reads them finds what was written, or nothing.

A shard is named by the sha256 of its content; an array has it at its end. What does not prove itself is left
out with one note that names it, and is computed again.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.errors import DataError
from harness.tools.atomic import write_atomically
from harness.tools.digests import file_digest
from harness.tools.sealed import regular, sealed, unsealed
from harness.tools.slow_paths import note, noting


def write_shard(folder: Path, body: pa.Buffer) -> Path:
    """Writes a shard under the name of its content.

    Raises:
        OSError: as the file system gave it.
    """
    path = folder / f"{hashlib.sha256(body).hexdigest()}.parquet"
    write_atomically(path, lambda file: file.write(body))
    return path


def shard_body(shard: Path) -> bytes | None:
    """The content of a shard, or None where it is damaged.

    Raises:
        FileNotFoundError: another process merged it with others.
    """
    try:
        body = regular(shard).read_bytes()
        if hashlib.sha256(body).hexdigest() == shard.stem:
            return body
    except FileNotFoundError:
        raise
    except OSError:
        pass
    _note(shard, "its answers are computed again")
    return None


def is_whole(shard: Path) -> bool:
    """Whether a shard is what its name says, told without reading again what has stayed the same.

    Raises:
        FileNotFoundError: another process merged it with others.
    """
    try:
        whole = file_digest(regular(shard)) == shard.stem
    except FileNotFoundError:
        raise
    except (OSError, DataError):
        whole = False
    if not whole:
        _note(shard, "its images are restored again")
    return whole


def write_array(path: Path, value: NDArray[Any]) -> None:
    """Writes an array; numpy reads the file, too.

    Raises:
        OSError: as the file system gave it.
    """
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=False)
    write_atomically(path, lambda file: file.write(sealed(buffer.getvalue())))


def read_array(path: Path) -> NDArray[Any] | None:
    """The array in a file, or None where there is none or it is damaged."""
    try:
        content = unsealed(regular(path).read_bytes())
        if content is not None:
            value: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
            return value
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        pass
    _note(path, "what it held is computed again")
    return None


def _note(path: Path, consequence: str) -> None:
    with noting("store"):
        note("store", "a damaged file", "error", f"{path} is damaged; {consequence}. Delete the file.")
