"""The `harness` command as its users meet it, run in this process or in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
NO_TORCH = "assert 'torch' not in sys.modules, 'torch was imported'"


@dataclass(frozen=True)
class Result:
    status: int
    out: str
    err: str

    @property
    def json(self):
        assert self.status == 0, self.err
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line that an error is."""
        assert self.status == 2, self.out
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1
        return self.err.strip()


def environment(folder: Path) -> dict[str, str]:
    """What a process is told: where packages, data and store of a folder are."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (folder, HERE, HERE.parent))),
        "HARNESS_DATA": str(folder / "data"),
        "HARNESS_STORE": str(folder / "store"),
        "OMP_NUM_THREADS": "1",
    }


def start(folder: Path, *arguments: object, then: str = "pass", umask: int = -1) -> subprocess.Popen[str]:
    """Starts the command as a process of its own; `then` is run after it, whatever it did."""
    # Where the tests run in the background, SIGINT may be ignored, and children inherit that.
    script = (
        "import signal, sys\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"from harness.cli import main\ntry:\n    main()\nfinally:\n    {then}"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        umask=umask,
    )


def process(folder: Path, *arguments: object, then: str = "pass", umask: int = -1) -> Result:
    """What the command comes to as a process of its own."""
    running = start(folder, *arguments, then=then, umask=umask)
    out, err = running.communicate(timeout=120)
    return Result(running.returncode, out, err)


def metrics(shown: dict) -> dict[tuple[str, str | None], dict]:
    return {(row["metric"], row["label"]): row for row in shown["metrics"]}
