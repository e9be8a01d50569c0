"""Paths as users write them, made to mean the same wherever they are looked up later."""

from __future__ import annotations

import os
from pathlib import Path

SUITE = Path("evals/suite.toml")


def absolute(path: Path) -> Path:
    """A path from the current folder on, with `~` for the home folder.

    Links stay links, since what lies beside `data` is meant to lie beside the link; but `..` is what the
    file system takes it for, so that the parent of `.` or `..` is one, too.
    """
    path = path.expanduser()
    return path.resolve() if ".." in path.parts else path.absolute()


def project_folder() -> Path:
    """The nearest folder, from the current one upwards, that holds evals/suite.toml; else the current one."""
    here = Path.cwd()
    found = next((folder for folder in (here, *here.parents) if (folder / SUITE).is_file()), here)
    return Path() if found == here else found


def default_data_root() -> Path:
    """`$HARNESS_DATA`, else the cache folder of the user."""
    return Path(os.environ.get("HARNESS_DATA") or Path.home() / ".cache/emotion-harness/data")


def default_store() -> Path:
    """`$HARNESS_STORE`, else the cache folder of the user."""
    return Path(os.environ.get("HARNESS_STORE") or Path.home() / ".cache/emotion-harness/store")
