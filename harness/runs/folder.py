"""The folder of a run: how it is named, what lies in it, and `latest` beside it."""

from __future__ import annotations

import os
import secrets
from datetime import datetime, timezone
from pathlib import Path

from harness.names import file_name

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
    """The names of the runs in a folder of reports, the newest last."""
    return sorted(path.parent.name for path in reports.glob(f"*/{RECORD}"))


def cell_file(run: Path, cell: str) -> Path:
    """The file of a cell's predictions."""
    return run / CELLS / file_name(cell, ".parquet")


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
