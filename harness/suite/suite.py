"""The suite: which models, datasets, restorations, prompts and claims make the grid of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.claims import Claim, get_claim
from harness.errors import UsageError
from harness.metrics.metric import Metric
from harness.metrics.registry import read_metrics
from harness.models.base import Capability, Family, Published
from harness.models.published import read_published
from harness.models.registry import capability_of, family_of
from harness.predictions.cell import Cell
from harness.restoration import NONE, known_restorations, runnable_restorations
from harness.suite.checks import check_tables
from harness.suite.grid import Grid
from harness.suite.parents import check_parents
from harness.suite.parts import ClaimCell, Expectation, Filters, Profile, matches, matches_prompt
from harness.suite.prompts import SuitePrompt, default_prompts, read_prompts
from harness.suite.source import read_toml
from harness.tools.nearest import nearest


@dataclass(frozen=True)
class Suite:
    """A parsed suite.toml."""

    path: Path
    profiles: Mapping[str, Profile]
    datasets: Mapping[str, Mapping[str, Any]]
    models: Mapping[str, Mapping[str, Any]]
    claims: Mapping[str, Mapping[str, Any]]
    restorations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prompts: Mapping[str, SuitePrompt] = field(default_factory=default_prompts)
    published: tuple[Published, ...] = ()
    noise_ceilings: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    metrics: tuple[Metric, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Suite:
        """Reads and checks a suite.

        Raises:
            UsageError: the file is absent, not TOML, or an entry is wrong; the message names it.
        """
        source = read_toml(path)
        check_tables(source)
        raw = source.tables
        suite = cls(
            path=path,
            profiles={name: Profile.read(body, name) for name, body in raw.get("profiles", {}).items()},
            datasets=raw.get("datasets", {}),
            models=raw.get("models", {}),
            claims=raw.get("claims", {}),
            restorations=raw.get("restorations", {}),
            prompts=read_prompts(raw.get("prompts", {}), source),
            published=tuple(read_published(path.parent / raw["published"])) if "published" in raw else (),
            noise_ceilings=raw.get("noise_ceilings", {}),
            seed=raw.get("seed", 0),
            metrics=read_metrics(raw.get("metrics", {})),
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
            self._check_prompts(profile.prompts, f"Profile {name}")
            self._check_restorations(profile.restorations, f"Profile {name}", globs=False)
            for glob in profile.claims:
                if not any(matches(claim, (glob,)) for claim in self.claims):
                    known = ", ".join(self.claims)
                    raise UsageError(
                        f"Profile {name} of {self.path} names the claim {glob!r}. Use some of {known}."
                    )
        for table in (self.datasets, self.models, self.restorations, self.prompts):
            for name in table:
                if not name or set(name) & set("/:") or not name.isprintable():
                    raise UsageError(
                        f"{self.path} has an entry of the name {name!r}. Use neither / nor : in names, which "
                        "part those in dataset:split/restoration/prompt/model, and nothing that is not seen."
                    )
        check_parents(self.models, self.prompts, str(self.path))
        for name, body in self.claims.items():
            try:
                self.claim(name)
            except UsageError as error:
                raise UsageError(f"[claims.{name}] of {self.path}: {error}") from error
            self._check_encoder(body.get("encoder", {}), name)
            self._check_prompts(body.get("prompts", []), f"Claim {name}")
            self._check_restorations(body.get("restorations", []), f"Claim {name}")

    def _check_encoder(self, encoder: str | Mapping[str, str], claim: str) -> None:
        """Encoders are one model, or one per dataset."""
        named = [encoder] if isinstance(encoder, str) else encoder.values()
        if any(name not in self.models for name in named):
            raise UsageError(
                f"Claim {claim} of {self.path} has encoder = {encoder!r}. Write a model of the suite, or a "
                "table of datasets with a model each."
            )

    def _check_restorations(self, names: Sequence[str], where: str, *, globs: bool = True) -> None:
        if NONE in self.restorations:
            raise UsageError(f"{self.path} has [restorations.{NONE}], which leaves pixels alone. Rename it.")
        elsewhere = (entry.get("restoration", NONE) for entry in self.models.values())
        known = {*known_restorations(self.restorations), *elsewhere, *(p.restoration for p in self.published)}
        fits = fnmatchcase if globs else str.__eq__
        if unknown := [name for name in names if not any(fits(one, name) for one in known)]:
            raise UsageError(
                f"{where} of {self.path} names the restoration {unknown[0]!r}. Use one of "
                f"{', '.join(sorted(known))}, or add [restorations.{unknown[0]}]."
            )

    def _check_prompts(self, globs: Sequence[str], where: str) -> None:
        for glob in globs:
            if not any(matches_prompt(name, (glob,)) for name in self.prompts):
                known = ", ".join(dict.fromkeys(prompt.entry for prompt in self.prompts.values()))
                raise UsageError(
                    f"{where} of {self.path} names the prompt {glob!r}, which fits none. Use one of {known}."
                )

    def profile(self, name: str) -> Profile:
        """The profile of a name.

        Raises:
            UsageError: the suite has none of that name.
        """
        if name not in self.profiles:
            raise UsageError(
                f"Expected --profile to be one of {', '.join(self.profiles)}, but got {name}. "
                f"{nearest(name, self.profiles)}"
            )
        return self.profiles[name]

    def claim(self, name: str) -> Claim:
        """The claim of an entry: one of the harness or of an installed package, or what `adapter` names."""
        return get_claim(name, self.claims[name].get("adapter", ""))

    def capability(self, model: str) -> Capability:
        """How a model is asked, told without building it."""
        return self._told[model][0]

    def family(self, model: str) -> Family:
        """What a model is, told without building it."""
        return self._told[model][1]

    @cached_property
    def _told(self) -> dict[str, tuple[Capability, Family]]:
        return {name: (capability_of(entry), family_of(entry)) for name, entry in self.models.items()}

    @cached_property
    def numbers(self) -> dict[tuple[str, str, str], Published]:
        """Published numbers by (model, dataset:split, restoration)."""
        return {(p.model, f"{p.dataset}:{p.split}", p.restoration): p for p in self.published}

    @property
    def restoration_names(self) -> list[str]:
        """All that pixels may have been treated with: here, before outside answers, or by a publication."""
        elsewhere = (entry["restoration"] for entry in self.models.values() if "restoration" in entry)
        published = (number.restoration for number in self.published)
        return list(dict.fromkeys([*runnable_restorations(self.restorations), *elsewhere, *published]))

    def cells(self, profile: Profile, filters: Filters) -> list[Cell]:
        """All cells that are answered sample by sample, grouped by model."""
        return Grid(self, profile, filters).cells()

    def claim_cells(self, claim: str, profile: Profile, filters: Filters) -> list[ClaimCell]:
        """All tests of a claim, see `Grid.claim_cells`; none where suite or profile leave it out."""
        wanted = claim in self.claims and matches(claim, profile.claims)
        return Grid(self, profile, filters).claim_cells(claim) if wanted else []

    def expectation(self, cell: ClaimCell) -> Expectation:
        """What the suite expects; the last matching override wins."""
        body = self.claims[cell.claim]
        expected = Expectation(body.get("expected", "supported"))
        for override in body.get("override", ()):
            if fnmatchcase(str(cell), override["cell"]):
                expected = Expectation(override["expected"], override["reason"])
        return expected
