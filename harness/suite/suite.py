"""The suite: which models, datasets, restorations, prompts and claims make the grid of a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from harness.claims import OUTCOMES, Outcome, get_claim
from harness.errors import UsageError
from harness.models.base import KINDS, Kind, Published
from harness.models.published import read_published
from harness.predictions.cell import NO_PROMPT, Cell

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# Adapters whose models read no prompt, or are contrastive, by default; entries may say `kind`.
DEFAULT_KINDS: dict[str, Kind] = {
    "open_clip": "contrastive",
    "transformers": "generative",
    "openai": "generative",
}


TABLES = ("profiles", "datasets", "models", "claims")
FORMS: dict[str, type] = {
    **dict.fromkeys(TABLES, dict),
    "noise_ceilings": dict,
    "published": str,
    "seed": int,
}


@dataclass(frozen=True)
class Profile:
    """A bounded part of the grid.

    Attributes:
        datasets: `dataset:split` each.
        models: globs over model names.
        restorations: restoration names.
        prompts: prompt names, for models that read one.
        limit: samples per dataset:split, or None for all.
    """

    datasets: tuple[str, ...]
    models: tuple[str, ...] = ("*",)
    restorations: tuple[str, ...] = ("none",)
    prompts: tuple[str, ...] = (NO_PROMPT,)
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
            (_matches(dataset, self.dataset) or _matches(dataset.partition(":")[0], self.dataset))
            and _matches(restoration, self.restoration)
            and (prompt == NO_PROMPT or _matches(prompt, self.prompt))
        )


@dataclass(frozen=True)
class ClaimCell:
    """One test of a claim: a condition and one cell per role."""

    claim: str
    cells: tuple[Cell, ...]

    @property
    def condition(self) -> str:
        """The condition of the role that has a prompt, if any."""
        return max((cell.condition for cell in self.cells), key=len)

    def __str__(self) -> str:
        return f"{self.condition}/{'-vs-'.join(cell.model for cell in self.cells)}"


@dataclass(frozen=True)
class Expectation:
    """What the suite expects of a claim on some cells, and why where it is not the default."""

    outcome: Outcome = "supported"
    reason: str = ""


@dataclass(frozen=True)
class Suite:
    """A parsed suite.toml."""

    path: Path
    profiles: Mapping[str, Profile]
    datasets: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]
    claims: Mapping[str, Mapping[str, Any]]
    published: tuple[Published, ...] = ()
    noise_ceilings: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0

    @classmethod
    def read(cls, path: Path) -> Suite:
        """Reads and checks a suite.

        Raises:
            UsageError: the file is absent, not TOML, or an entry is wrong; the message names it.
        """
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(
                f"The suite {path} cannot be read ({error.strerror}). Name one with --suite."
            ) from error
        except ValueError as error:  # not TOML, or not UTF-8
            raise UsageError(f"The suite {path} is not valid TOML ({error}). Correct that line.") from error
        _check_forms(raw, path)
        suite = cls(
            path=path,
            profiles={name: _profile(name, body, path) for name, body in raw.get("profiles", {}).items()},
            datasets=raw.get("datasets", {}),
            models=raw.get("models", {}),
            claims=raw.get("claims", {}),
            published=tuple(read_published(path.parent / raw["published"])) if "published" in raw else (),
            noise_ceilings=raw.get("noise_ceilings", {}),
            seed=raw.get("seed", 0),
        )
        suite._check()
        return suite

    def _check(self) -> None:
        for name, profile in self.profiles.items():
            for source in profile.datasets:
                if source.partition(":")[0] not in self.datasets or not source.partition(":")[2]:
                    raise UsageError(
                        f"Profile {name} of {self.path} names {source}. Write dataset:split with a dataset "
                        f"among {', '.join(self.datasets)}."
                    )
        for name in self.models:
            self.kind(name)
        for name, body in self.claims.items():
            get_claim(name)
            overrides = body.get("override", [])
            tables = isinstance(overrides, list) and all(isinstance(item, dict) for item in overrides)
            if not tables or body.keys() - {"expected", "override"}:
                raise UsageError(
                    f"Claim {name} of {self.path} has an entry that is neither `expected` nor a list of "
                    f"overrides. Write [[claims.{name}.override]]."
                )
            if any(override.keys() != {"cell", "expected", "reason"} for override in overrides):
                raise UsageError(
                    f"An override of claim {name} in {self.path} is not `cell`, `expected` and `reason`. "
                    "Give these three."
                )
            expected = [body.get("expected", "supported"), *(o["expected"] for o in overrides)]
            if bad := [value for value in expected if value not in OUTCOMES]:
                raise UsageError(
                    f"Claim {name} of {self.path} expects {bad[0]!r}. Use {', '.join(OUTCOMES)}."
                )

    def profile(self, name: str) -> Profile:
        """The profile of a name.

        Raises:
            UsageError: the suite has none of that name.
        """
        if name not in self.profiles:
            raise UsageError(f"Expected --profile to be one of {', '.join(self.profiles)}, but got {name}.")
        return self.profiles[name]

    def kind(self, model: str) -> Kind:
        """Classifier, contrastive or generative, told without building the model."""
        entry = self.models[model]
        kind: Any = entry.get("kind", DEFAULT_KINDS.get(entry.get("adapter", ""), "classifier"))
        if kind not in KINDS:
            raise UsageError(
                f"Model {model} of {self.path} has the kind {kind!r}. Use one of {', '.join(KINDS)}."
            )
        checked: Kind = kind
        return checked

    @cached_property
    def numbers(self) -> dict[tuple[str, str, str], Published]:
        """Published numbers by (model, dataset:split, restoration)."""
        return {(p.model, f"{p.dataset}:{p.split}", p.restoration): p for p in self.published}

    def cells(self, profile: Profile, filters: Filters) -> list[Cell]:
        """All cells that are answered sample by sample, grouped by model."""
        names = [
            name for name in self.models if _matches(name, profile.models) and _matches(name, filters.model)
        ]
        return [
            cell
            for name in names
            for source, restoration in product(profile.datasets, profile.restorations)
            for cell in self._answered(name, source, restoration, profile, filters)
        ]

    def claim_cells(self, claim: str, profile: Profile, filters: Filters) -> list[ClaimCell]:
        """All tests of a claim.

        Every condition is crossed with one model per role. Two publications are compared only within one
        source: what two papers measured differently is no experiment. A --model glob narrows the roles
        that it matches and leaves the others alone.
        """
        if claim not in self.claims:
            return []
        pairs = []
        restorations = {*profile.restorations, *(p.restoration for p in self.published)}
        for source, restoration in product(profile.datasets, sorted(restorations)):
            sides = []
            for role in get_claim(claim).roles:
                players = list(self._players(role.kinds, source, restoration, profile, filters))
                named = [cell for cell in players if filters.model and _matches(cell.model, filters.model)]
                sides.append(named or players)
            pairs += [ClaimCell(claim, cells) for cells in product(*sides) if self._comparable(cells)]
        return pairs

    def _players(
        self, kinds: Sequence[Kind], source: str, restoration: str, profile: Profile, filters: Filters
    ) -> Iterator[Cell]:
        if restoration in profile.restorations:
            for name in self.models:
                if _matches(name, profile.models) and self.kind(name) in kinds:
                    yield from self._answered(name, source, restoration, profile, filters)
        for (model, where, treatment), number in self.numbers.items():
            here = (where, treatment) == (source, restoration) and number.kind in kinds
            if here and _matches(model, profile.models) and filters.keeps(source, restoration, NO_PROMPT):
                yield Cell(model, number.dataset, number.split, restoration)

    def _answered(
        self, name: str, source: str, restoration: str, profile: Profile, filters: Filters
    ) -> Iterator[Cell]:
        dataset, _, split = source.partition(":")
        prompts = (NO_PROMPT,) if self.kind(name) == "classifier" else profile.prompts
        for prompt in prompts:
            if filters.keeps(source, restoration, prompt):
                yield Cell(name, dataset, split, restoration, prompt)

    def _comparable(self, cells: Sequence[Cell]) -> bool:
        numbers = [self.numbers.get((cell.model, cell.source, cell.restoration)) for cell in cells]
        return None in numbers or len({number.source for number in numbers if number}) == 1

    def expectation(self, cell: ClaimCell) -> Expectation:
        """What the suite expects; the last matching override wins."""
        body = self.claims[cell.claim]
        expected = Expectation(body.get("expected", "supported"))
        for override in body.get("override", ()):
            if fnmatchcase(str(cell), override["cell"]):
                expected = Expectation(override["expected"], override["reason"])
        return expected


def _check_forms(raw: Mapping[str, Any], path: Path) -> None:
    for name, value in raw.items():
        if name not in FORMS:
            raise UsageError(f"The suite {path} has the unknown table {name!r}. Remove or rename it.")
        entries = value.values() if name in TABLES and isinstance(value, dict) else ()
        if type(value) is not FORMS[name] or not all(isinstance(entry, dict) for entry in entries):
            form = f"[{name}.NAME]" if name in TABLES else FORMS[name].__name__
            raise UsageError(f"The suite {path} gives {name} in another form than {form}. Write it so.")


def _profile(name: str, body: Mapping[str, Any], path: Path) -> Profile:
    for key, value in body.items():
        names = isinstance(value, list) and all(isinstance(item, str) for item in value)
        if not (type(value) is int if key == "limit" else names):
            form = "a whole number" if key == "limit" else "a list of strings"
            raise UsageError(f"Profile {name} of {path} has {key} = {value!r}. Write {form}.")
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in body.items()}
    try:
        return Profile(**values)
    except TypeError as error:
        raise UsageError(
            f"Profile {name} of {path}: {error}. Use datasets, models, restorations, prompts, limit."
        ) from error


def _matches(name: str, globs: Sequence[str]) -> bool:
    return not globs or any(fnmatchcase(name.lower(), glob.lower()) for glob in globs)
