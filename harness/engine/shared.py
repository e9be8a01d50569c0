"""What the processes of one run do once for all of them: whoever comes first does it, the others read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.tools.atomic import write_atomically


class Shared:
    """JSON values by name, in a folder that lasts as long as the run.

    A process that dies leaves nothing but a lock that its system has released: another one does it again.

    Args:
        folder: what the processes have in common; None where there is one process.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def once(self, name: str, make: Callable[[], Any], *, wait: bool = True) -> Any:
        """The value of a name, made by whichever process comes first.

        Args:
            name: of the value.
            make: makes it, of JSON values.
            wait: whether to wait for a process that is making it.

        Returns:
            The value; None where another process is making it and `wait` is false.
        """
        if self.folder is None:
            return make()
        path = self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held = FileLock(path.with_suffix(".lock")).acquire(timeout=-1 if wait else 0)
        except Timeout:
            return None
        except OSError:  # nowhere to meet: each does it by itself
            return make()
        with held:
            if path.exists():
                return json.loads(path.read_text(encoding="utf-8"))
            value = make()
            with suppress(OSError):  # a full disk: the others do it by themselves
                write_atomically(path, lambda file: file.write(json.dumps(value).encode()))
            return value
