"""Parts of a suite, and what the grid made of them consists of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, get_type_hints

from harness.claims import Outcome
from harness.predictions.cell import NO_PROMPT, Cell
from harness.suite.prompts import DEFAULT_PROMPT, entry_of
from harness.tools.forms import Who, read

_MOST_NAMES = 4


@dataclass(frozen=True)
class Profile:
    """A bounded part of the grid.

    Attributes:
        datasets: `dataset:split` each.
        models: globs over model names.
        restorations: restoration names.
        prompts: globs over prompts, for models that read one; an entry's name stands for all its members.
        claims: globs over claims; none for all that the suite lists.
        limit: samples per dataset:split, or None for all.
    """

    datasets: tuple[str, ...]
    models: tuple[str, ...] = ("*",)
    restorations: tuple[str, ...] = ("none",)
    prompts: tuple[str, ...] = (DEFAULT_PROMPT,)
    claims: tuple[str, ...] = ()
    limit: int | None = None

    @classmethod
    def read(cls, table: Mapping[str, Any], who: Who) -> Profile:
        """The profile of a table of the suite.

        Raises:
            UsageError: a key is unknown or missing, or has a value of another type.
        """
        return cls(**read(table, get_type_hints(cls), who, required=["datasets"]))


@dataclass(frozen=True)
class Filters:
    """Globs of the command line; an empty tuple lets everything through."""

    model: tuple[str, ...] = ()
    dataset: tuple[str, ...] = ()
    restoration: tuple[str, ...] = ()
    prompt: tuple[str, ...] = ()

    def keeps(self, dataset: str, restoration: str, prompt: str) -> bool:
        """Whether a condition passes; `fer2013` stands for all splits of fer2013."""
        return (
            (matches(dataset, self.dataset) or matches(dataset.partition(":")[0], self.dataset))
            and matches(restoration, self.restoration)
            and (prompt == NO_PROMPT or matches_prompt(prompt, self.prompt))
        )


@dataclass(frozen=True)
class ClaimCell:
    """One test of a claim: one cell per role, per prompt of a contrast, or per role and restoration."""

    claim: str
    cells: tuple[Cell, ...]

    @property
    def condition(self) -> str:
        """Data, restorations and, where a model reads one, prompts; of several prompts their entries."""
        restorations = list(dict.fromkeys(cell.restoration for cell in self.cells))
        prompts = dict.fromkeys(cell.prompt for cell in self.cells if cell.prompt != NO_PROMPT)
        entries = prompts if len(prompts) == 1 else dict.fromkeys(map(entry_of, prompts))
        parts = [self.cells[0].source, _joined(restorations), "-vs-".join(entries)]
        return "/".join(part for part in parts if part)

    def __str__(self) -> str:
        models = dict.fromkeys(cell.model for cell in self.cells)
        return f"{self.condition}/{'-vs-'.join(models)}"


@dataclass(frozen=True)
class Expectation:
    """What the suite expects of a claim on some cells, and why where it is not the default."""

    outcome: Outcome = "supported"
    reason: str = ""


def _joined(restorations: Sequence[str]) -> str:
    """`gfpgan-vs-bicubic-vs-none`; more than four are counted, so that a test's name can be read."""
    if len(restorations) > _MOST_NAMES:
        return f"{restorations[0]}-and-{len(restorations) - 1}-others"
    return "-vs-".join(restorations)


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether a name fits one of the globs, in any case; no globs fit everything."""
    return not globs or any(fnmatchcase(name.lower(), glob.lower()) for glob in globs)


def matches_prompt(name: str, globs: Sequence[str]) -> bool:
    """Whether a prompt or the entry it was expanded from fits."""
    return matches(name, globs) or matches(entry_of(name), globs)
