"""Parts of a suite, and what the grid made of them consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from harness.claims import Outcome
from harness.predictions.cell import NO_PROMPT, Cell
from harness.suite.prompts import DEFAULT_PROMPT, entry_of


@dataclass(frozen=True)
class Profile:
    """A bounded part of the grid.

    Attributes:
        datasets: `dataset:split` each.
        models: globs over model names.
        restorations: restoration names.
        prompts: globs over prompts, for models that read one; an entry's name stands for all its members.
        limit: samples per dataset:split, or None for all.
    """

    datasets: tuple[str, ...]
    models: tuple[str, ...] = ("*",)
    restorations: tuple[str, ...] = ("none",)
    prompts: tuple[str, ...] = (DEFAULT_PROMPT,)
    limit: int | None = None


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
    """One test of a claim: one cell per role, or one per prompt of a contrast."""

    claim: str
    cells: tuple[Cell, ...]

    @property
    def condition(self) -> str:
        """The condition of the role that has a prompt, if any; of a contrast its prompt entries."""
        first = self.cells[0]
        if self.is_contrast:
            entries = dict.fromkeys(entry_of(cell.prompt) for cell in self.cells)
            return f"{first.source}/{first.restoration}/{'-vs-'.join(entries)}"
        return max((cell.condition for cell in self.cells), key=len)

    @property
    def is_contrast(self) -> bool:
        """Whether one model is compared with itself, asked otherwise."""
        return len({cell.prompt for cell in self.cells}) > 1 and len({c.model for c in self.cells}) == 1

    def __str__(self) -> str:
        models = dict.fromkeys(cell.model for cell in self.cells)
        return f"{self.condition}/{'-vs-'.join(models)}"


@dataclass(frozen=True)
class Expectation:
    """What the suite expects of a claim on some cells, and why where it is not the default."""

    outcome: Outcome = "supported"
    reason: str = ""


def matches(name: str, globs: Sequence[str]) -> bool:
    """Whether a name fits one of the globs, in any case; no globs fit everything."""
    return not globs or any(fnmatchcase(name.lower(), glob.lower()) for glob in globs)


def matches_prompt(name: str, globs: Sequence[str]) -> bool:
    """Whether a prompt or the entry it was expanded from fits."""
    return matches(name, globs) or matches(entry_of(name), globs)
