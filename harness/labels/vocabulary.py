"""The data behind label spaces: concepts with their spellings, spaces, coarsenings."""

import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Coarsening:
    """A named, explicit way from finer concepts to broader ones.

    Attributes:
        merge: Finer concept -> the broader concept that takes it in.
        drop: Concepts without a counterpart.
    """

    merge: dict[str, str]
    drop: frozenset[str]


@dataclass(frozen=True)
class Vocabulary:
    """Everything `vocabulary.toml` says.

    Attributes:
        words: Normalised spelling -> concept.
        spaces: Name of a label space -> its labels in order.
        coarsenings: Name -> coarsening.
    """

    words: dict[str, str]
    spaces: dict[str, tuple[str, ...]]
    coarsenings: dict[str, Coarsening]


@cache
def vocabulary() -> Vocabulary:
    """The packaged vocabulary, read once per process."""
    data = packaged_toml("vocabulary.toml")
    return Vocabulary(
        words={word: concept for concept, words in data["concepts"].items() for word in words},
        spaces={name: tuple(space["labels"]) for name, space in data["spaces"].items()},
        coarsenings={
            name: Coarsening(merge=dict(entry["merge"]), drop=frozenset(entry["drop"]))
            for name, entry in data["coarsenings"].items()
        },
    )


def concept_of(label: str) -> str:
    """The concept that `label` spells; a label of no known concept is a concept of its own."""
    text = normalised(label)
    return vocabulary().words.get(text, text)


def normalised(text: str) -> str:
    """`text` without case, outer space, underscores and hyphens: "No_Face " -> "no face"."""
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()


def packaged_toml(name: str) -> dict[str, Any]:
    """The parsed TOML file `name` of this package."""
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))
