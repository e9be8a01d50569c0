"""Adapters by name: built in, from an entry point of an installed package, or `package.module:function`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.nearest import nearest


def find_adapter(name: str, who: str, built_in: Mapping[str, str], group: str) -> Any:
    """The object that an entry of the suite names as its adapter.

    Args:
        name: `timm`, or `mine.adapters:load` for a module of the project that pytest runs in.
        who: the entry, as messages begin with it, such as "Model mine".
        built_in: name -> `module:attribute`.
        group: where installed packages register theirs.

    Raises:
        UsageError: nothing has this name, or it cannot be imported.
    """
    if name not in built_in and name in (registered := plugins(group)):
        return registered[name].load()
    module, _, attribute = built_in.get(name, name).partition(":")
    if not attribute:
        raise UsageError(
            f"{who} names the unknown adapter {name!r}. Use one of "
            f"{', '.join(names := adapter_names(built_in, group))}, or package.module:function of your own. "
            f"{nearest(name, names)}"
        )
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        if name in built_in:
            raise
        raise UsageError(
            f"{who} names the adapter {name!r}, which cannot be imported ({error}). Correct it, or run from "
            "the folder that holds the module."
        ) from error


def adapter_names(built_in: Mapping[str, str], group: str) -> list[str]:
    """All names that stand for an adapter."""
    return sorted({*built_in, *plugins(group)})


def plugins(group: str) -> dict[str, EntryPoint]:
    """What installed packages register."""
    return {point.name: point for point in entry_points(group=group)}


def import_from(*folders: Path) -> None:
    """Lets a command import adapters of a project, as pytest does from its root and from a test's folder."""
    sys.path.extend(name for folder in folders if (name := str(folder)) not in sys.path)
