"""The texts of prompts, read from TOML: one file per wording, over what all wordings have in common."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

from harness.errors import UsageError
from harness.tools.adapters import find_adapter, plugins

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


GROUP = "emotion_harness.wordings"


@dataclass(frozen=True)
class Wording:
    """The texts of one wording in one language.

    Attributes:
        layout: names of the parts of a question in their order.
        captions: templates for contrastive models, in English in every language.
        texts: dotted name -> text, such as `answer.shown.label`.
    """

    layout: tuple[str, ...]
    captions: tuple[str, ...]
    texts: Mapping[str, str]

    def text(self, name: str, **slots: str) -> str:
        """The text called `name` with its slots filled; what fills `$medium`, the wording says itself."""
        return Template(self.texts[name]).substitute(slots, medium=self.texts.get("medium", ""))


@cache
def wording(name: str, language: str) -> Wording:
    """The wording called `name`.

    Raises:
        UsageError: there is none of that name; the message lists those there are.
    """
    if name not in packaged() and ":" not in name and name not in plugins(GROUP):
        raise UsageError(
            f"Unknown wording {name!r} of a prompt. Use one of {', '.join(wordings())}, or "
            "package.module:NAME of your own."
        )
    data = _over_base(_given(name))
    if language not in data:
        raise UsageError(f"Wording {name} has no texts in {language!r}. Write them or choose another.")
    return Wording(tuple(data["layout"]), tuple(data["captions"]), dict(_dotted(data[language])))


@cache
def wordings() -> tuple[str, ...]:
    """The names of all wordings: those of the harness, and those of installed packages."""
    return tuple(sorted({*packaged(), *plugins(GROUP)}))


@cache
def packaged() -> tuple[str, ...]:
    """The names of the wordings of the harness."""
    names = [entry.name for entry in files(__package__).joinpath("wordings").iterdir()]
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def _given(name: str) -> Mapping[str, Any]:
    """The table of a wording: a packaged file, or a mapping in a module of somebody else."""
    if name in packaged():
        return _read(f"wordings/{name}.toml")
    data = find_adapter(name, "A prompt", {}, GROUP)
    if not isinstance(data, Mapping):
        raise UsageError(f"The wording {name} is {data!r:.80}. Make it a table of texts.")
    return data


def _over_base(data: Mapping[str, Any]) -> dict[str, Any]:
    """`data` with all that its base says and it does not; the last base is common.toml."""
    below = _over_base(_given(data["base"])) if "base" in data else _read("common.toml")
    return _merged(below, data)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**below, **above}
    for name in below.keys() & above.keys():
        if isinstance(below[name], dict):
            merged[name] = _merged(below[name], above[name])
    return merged


def _dotted(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _read(path: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath(path).read_text(encoding="utf-8"))
