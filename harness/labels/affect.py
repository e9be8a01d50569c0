"""Sentiment and arousal of concepts, as versioned tables: a result names the version it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from harness.errors import UsageError

from .vocabulary import packaged_toml


@dataclass(frozen=True)
class Affect:
    """One version of the table.

    Attributes:
        version: Its name, such as `v1`.
        sentiments: Concept -> `positive`, `negative` or `neither`.
        arousals: Concept -> `high`, `low` or `neither`.
    """

    version: str
    sentiments: Mapping[str, str]
    arousals: Mapping[str, str]

    def sentiment(self, concept: str) -> str:
        """`positive`, `negative` or `neither`.

        Raises:
            UsageError: The table has no such concept.
        """
        return self._lookup(self.sentiments, concept)

    def arousal(self, concept: str) -> str:
        """`high`, `low` or `neither`.

        Raises:
            UsageError: The table has no such concept.
        """
        return self._lookup(self.arousals, concept)

    def _lookup(self, table: Mapping[str, str], concept: str) -> str:
        if concept not in table:
            raise UsageError(
                f"Affect table {self.version} does not list the concept {concept!r}. "
                f"Use one of: {', '.join(sorted(table))}."
            )
        return table[concept]


@cache
def affect(version: str = "v1") -> Affect:
    """The packaged table called `version`.

    >>> affect().sentiment("awe"), affect().arousal("contentment")
    ('positive', 'low')

    Raises:
        UsageError: There is no such version; the message lists those there are.
    """
    names = [entry.name for entry in files(__package__).iterdir()]
    known = sorted(name[len("affect-") : -len(".toml")] for name in names if name.startswith("affect-"))
    if version not in known:
        raise UsageError(f"Unknown affect table {version!r}. Use one of: {', '.join(known)}.")
    data = packaged_toml(f"affect-{version}.toml")
    return Affect(data["version"], _by_concept(data["sentiment"]), _by_concept(data["arousal"]))


def _by_concept(values: Mapping[str, Any]) -> dict[str, str]:
    return {concept: value for value, concepts in values.items() for concept in concepts}
