"""The folder of a run: how it is named, what lies in it, and `latest` beside it."""

from __future__ import annotations

import hashlib
import os
import secrets
from datetime import datetime, timezone
from pathlib import Path

from harness.errors import DataError
from harness.tools.names import file_name
from harness.tools.sealed import regular

RECORD = "run.json"
CLAIMS = "claims.json"
CELLS = "cells"
PICTURES = "pictures.parquet"


def new_run_folder(reports: Path) -> Path:
    """A fresh folder for one run, named by the time it started (UTC) and at random.

    Workers, machines and jobs of a matrix that share a store know each other by it, and two of them may start
    in the same second with the same path.
    """
    stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    folder = reports / f"{stamp}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    return folder


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run."""
    return (folder / RECORD).is_file()


def run_names(reports: Path) -> list[str]:
    """What the runs in a folder of reports go by, the newest last, and `latest`."""
    return sorted(path.parent.name for path in reports.glob(f"*/{RECORD}"))


def cell_file(run: Path, cell: str) -> Path:
    """The file of a cell's predictions."""
    return run / CELLS / file_name(cell, ".parquet")


def content_digest(path: Path) -> str:
    """sha256 of a file of a run, which run.json keeps.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    return hashlib.sha256(regular(path).read_bytes()).hexdigest()


def check_content(path: Path, digest: str | None) -> None:
    """Holds a file against the digest in run.json; a run that has none says nothing of it.

    Raises:
        DataError: it cannot be read, or was altered.
    """
    try:
        found = content_digest(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}). Make the run again.") from error
    if digest is not None and found != digest:
        raise DataError(f"{path} is damaged: it is not what the run wrote. Make the run again.")


def point_latest_at(run: Path) -> None:
    """Makes `latest` beside the run a link to it; where links are not allowed, a file with its name."""
    latest = run.parent / "latest"
    fresh = run.parent / f".latest-{os.getpid()}"
    try:
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(run.name)
        os.replace(fresh, latest)
    except OSError:
        latest.with_suffix(".txt").write_text(run.name + "\n", encoding="utf-8")
