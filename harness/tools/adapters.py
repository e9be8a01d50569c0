"""Adapters by name: built in, from an entry point of an installed package, or `package.module:function`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, get_args, get_origin

from typing_extensions import Unpack, get_type_hints

from harness.errors import UsageError
from harness.tools.forms import Who, read
from harness.tools.nearest import nearest


@dataclass(frozen=True)
class Adapters:
    """The adapters of one table of the suite.

    Attributes:
        built_in: name -> `module:attribute`.
        group: the entry point under which installed packages register theirs.
        given: what the harness gives to an adapter, by name.
        before: how many arguments it gives before these, without their names.
        shared: what entries of all adapters may hold and the harness reads: key -> type. An adapter is given
            those of them that it takes, too.
    """

    built_in: Mapping[str, str]
    group: str
    given: tuple[str, ...]
    before: int = 0
    shared: Mapping[str, Any] = field(default_factory=dict)

    def options(self, adapter: Callable[..., Any]) -> Options:
        """What an entry may say to an adapter, as its signature has it.

        Keywords of an adapter that takes any (`**more`) are those of their TypedDict, if it unpacks one.
        """
        taken = [one for one in _parameters(adapter)[self.before :] if one.name not in self.given]
        named = [one for one in taken if one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD)]
        open_ended = [one.annotation for one in taken if one.kind is one.VAR_KEYWORD]
        unpacked = [get_args(hint)[0] for hint in open_ended if get_origin(hint) is Unpack]
        hints = {one.name: one.annotation for one in named}
        for keywords in unpacked:
            hints |= get_type_hints(keywords, include_extras=True)
        return Options(
            {"adapter": str, **self.shared, **hints},
            frozenset(hints),
            tuple(one.name for one in named if one.default is one.empty),
            len(open_ended) > len(unpacked),
        )

    def check(
        self, adapter: Callable[..., Any], entry: Mapping[str, Any], who: Who, *, whole: bool = True
    ) -> dict[str, Any]:
        """The options that an entry has for its adapter.

        Args:
            adapter: what the entry is for. One that takes any keyword is asked about those it names, or
                its TypedDict does.
            entry: the entry, with what the harness itself reads.
            who: the entry, as messages begin with it.
            whole: also what the adapter cannot do without must be there.

        Raises:
            UsageError: an option is unknown, missing or of another type than its annotation.
        """
        known = self.options(adapter)
        read(entry, known.hints, who, required=known.required if whole else (), more=known.more)
        left_out = {*self.shared, "adapter"} - known.own
        return {key: value for key, value in entry.items() if key not in left_out}


@dataclass(frozen=True)
class Options:
    """What an entry may say.

    Attributes:
        hints: option -> type.
        own: those that the adapter takes; the others the harness reads.
        required: those that have no default.
        more: whether there may be others.
    """

    hints: Mapping[str, Any]
    own: frozenset[str]
    required: tuple[str, ...]
    more: bool


def _parameters(adapter: Callable[..., Any]) -> list[inspect.Parameter]:
    """What an adapter takes; annotations are types, or texts where only type checkers know their names."""
    try:
        found = inspect.signature(adapter, eval_str=True)
    except Exception:  # whatever evaluating an annotation of anybody's code raises
        found = inspect.signature(adapter)
    bound = adapter.keywords if isinstance(adapter, partial) else {}
    return [one for one in found.parameters.values() if one.name not in bound]


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
    return dict(_registered(group, tuple(sys.path)))


@lru_cache(maxsize=64)
def _registered(group: str, path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """Looked up once for each path: reading what is installed takes 14 ms, and each verdict asks for it."""
    return {point.name: point for point in entry_points(group=group)}


def import_from(*folders: Path) -> None:
    """Lets a command import adapters of a project, as pytest does from its root and from a test's folder."""
    sys.path.extend(name for folder in folders if (name := str(folder)) not in sys.path)
