"""What reading a file of a data set may take, and how it fails."""

import os
import stat
from pathlib import Path
from typing import IO

from harness.errors import DataError

MAX_FILE_BYTES = 256 * 1024 * 1024


def bounded(stream: IO[bytes], place: str) -> bytes:
    """What a stream holds, counted as it comes and not as its header says.

    Raises:
        DataError: It is more than `MAX_FILE_BYTES`.
    """
    data = stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        reason = f"holds more than the {MAX_FILE_BYTES:,} bytes that a file may have"
        raise DataError(f"{place} {reason}. Remove or shrink it.", reason=reason)
    return data


def read_regular(path: Path) -> bytes:
    """The content of a file; links are followed, a pipe or a device is not waited for.

    Raises:
        DataError: It cannot be read, is no regular file, or is too large.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            reason = "is no regular file"
            raise DataError(f"{path} {reason}. Replace it by the picture itself.", reason=reason)
        with path.open("rb") as stream:
            return bounded(stream, str(path))
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> DataError:
    """The error of a file or folder that the system does not give."""
    reason = f"cannot be read ({error.strerror or error})"
    return DataError(f"{path} {reason}. Check the file and its rights.", reason=reason)
