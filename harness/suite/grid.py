"""The grid of one run: cells, and tests of claims over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import TYPE_CHECKING

from harness.claims import Arm, Claim, Role
from harness.models.base import READERS
from harness.predictions.cell import NO_PROMPT, Cell
from harness.restoration import NONE, is_control, output_size
from harness.suite.parts import ClaimCell, Filters, Profile, matches, matches_prompt
from harness.suite.prompts import entry_of

if TYPE_CHECKING:
    from harness.suite.suite import Suite


@dataclass(frozen=True)
class Grid:
    """A suite, narrowed by a profile and the filters of the command line."""

    suite: Suite
    profile: Profile
    filters: Filters

    def cells(self) -> list[Cell]:
        """All cells that are answered sample by sample, grouped by model."""
        conditions = list(product(self.profile.datasets, self.profile.restorations))
        return [
            cell
            for name in self._models()
            for source, restoration in conditions
            for cell in self._answered(name, source, restoration)
        ]

    def claim_cells(self, name: str) -> list[ClaimCell]:
        """All tests of a claim.

        Every condition is crossed with one model per role. Two publications are compared only within one
        source: what two papers measured differently is no experiment. A --model glob narrows the roles
        that it matches and leaves the others alone; no test is without any model that it matches. A claim
        that contrasts prompts has one test per model
        and arrangement of its prompts; one that ablates restorations one per model of each role, prompt and
        arrangement of restorations, of which --restoration names the one that is judged.
        """
        claim = self.suite.claim(name)
        if claim.ablation is not None:
            return list(self._ablations(claim))
        return list(self._comparisons(claim) if claim.contrast is None else self._contrasts(claim))

    def _comparisons(self, claim: Claim) -> Iterator[ClaimCell]:
        restorations = {*self.profile.restorations, *(p.restoration for p in self.suite.published)}
        wanted = [name for name in sorted(restorations) if self._wants(claim, name)]
        for source, restoration in product(self.profile.datasets, wanted):
            sides = [
                [(cell,) for cell in self._players(claim, role, source, restoration)] for role in claim.roles
            ]
            for cells in self._casts(sides):
                if self._same_system(cells) if claim.same_system else self._comparable(cells):
                    yield ClaimCell(claim.name, cells)

    def _contrasts(self, claim: Claim) -> Iterator[ClaimCell]:
        assert claim.contrast is not None
        models = [name for name in self._models() if self._plays(name, claim.roles[0])]
        wanted = [name for name in self.profile.restorations if self._wants(claim, name)]
        for source, restoration in product(self.profile.datasets, wanted):
            for name in models:
                answered = self._answered(name, source, restoration, claim.name)
                cells = [cell for cell in answered if cell.prompt != NO_PROMPT]
                found = [self.suite.prompts[cell.prompt] for cell in cells]
                prompts = [
                    (cell.prompt, asked.entry, asked.prompt) for cell, asked in zip(cells, found, strict=True)
                ]
                for chosen in claim.contrast.arrange(prompts):
                    yield ClaimCell(claim.name, tuple(cells[index] for index in chosen))

    def _ablations(self, claim: Claim) -> Iterator[ClaimCell]:
        assert claim.ablation is not None
        arms = [self._arm(name) for name in self.profile.restorations]
        tests = claim.ablation.arrange(
            arms, lambda name: matches(name, self.filters.restoration) and self._wants(claim, name)
        )
        for source, restorations in product(self.profile.datasets, tests):
            sides = [self._restored(claim, role, source, restorations) for role in claim.roles]
            for cells in self._casts(sides):
                yield ClaimCell(claim.name, cells)

    def _casts(self, sides: Sequence[Sequence[tuple[Cell, ...]]]) -> Iterator[tuple[Cell, ...]]:
        """The cells of each test, given for each role the cells of each model that may play it."""
        globs = self.filters.model
        named = [[cells for cells in side if matches(cells[0].model, globs)] for side in sides]
        if any(named):
            for cast in product(*(some or side for some, side in zip(named, sides, strict=True))):
                yield tuple(chain(*cast))

    def _wants(self, claim: Claim, restoration: str) -> bool:
        """Whether a claim is judged on a restoration; the suite may narrow it."""
        return matches(restoration, self.suite.claims[claim.name].get("restorations", ()))

    def _arm(self, name: str) -> Arm:
        entries = self.suite.restorations
        entry = {"adapter": name, **entries.get(name, {})}
        twin = sorted((key, repr(value)) for key, value in entry.items() if key != "colour")
        return Arm(name, entry["adapter"], is_control(name, entries), output_size(name, entries), tuple(twin))

    def _restored(
        self, claim: Claim, role: Role, source: str, restorations: Sequence[str]
    ) -> list[tuple[Cell, ...]]:
        """Each model of a role under each of its prompts: one cell per restoration."""
        names = [
            name
            for name in self.suite.models
            if matches(name, self.profile.models) and self._plays(name, role)
        ]
        dataset, _, split = source.partition(":")
        return [
            tuple(Cell(name, dataset, split, restoration, prompt) for restoration in restorations)
            for name in names
            for prompt in self._asked(name, claim.name)
            if replace(self.filters, restoration=()).keeps(source, NONE, prompt)
        ]

    def _models(self) -> list[str]:
        globs = (self.profile.models, self.filters.model)
        return [name for name in self.suite.models if all(matches(name, some) for some in globs)]

    def _plays(self, model: str, role: Role) -> bool:
        return role.fits(self.suite.family(model), self.suite.capability(model))

    def _players(self, claim: Claim, role: Role, source: str, restoration: str) -> Iterator[Cell]:
        if restoration in self.profile.restorations:
            for name in self.suite.models:
                if matches(name, self.profile.models) and self._plays(name, role):
                    yield from self._answered(name, source, restoration, claim.name)
        for (model, where, treatment), number in self.suite.numbers.items():
            here = (where, treatment) == (source, restoration) and role.fits(number.family, "published")
            wanted = matches(model, self.profile.models)
            if here and wanted and self.filters.keeps(source, restoration, NO_PROMPT):
                yield Cell(model, number.dataset, number.split, restoration)

    def _answered(self, name: str, source: str, restoration: str, claim: str = "") -> Iterator[Cell]:
        dataset, _, split = source.partition(":")
        for prompt in self._asked(name, claim):
            if self.filters.keeps(source, restoration, prompt):
                yield Cell(name, dataset, split, restoration, prompt)

    def _asked(self, model: str, claim: str) -> list[str]:
        """The prompts that a model is asked, for a claim where one is named."""
        capability = self.suite.capability(model)
        if capability not in READERS:
            return [NO_PROMPT]
        narrowed = self.suite.claims[claim].get("prompts", ()) if claim else ()
        return [
            name
            for name, found in self.suite.prompts.items()
            if capability in found.kinds
            and matches_prompt(name, self.profile.prompts)
            and matches_prompt(name, narrowed)
        ]

    def _comparable(self, cells: Sequence[Cell]) -> bool:
        numbers = [self.suite.numbers.get((cell.model, cell.source, cell.restoration)) for cell in cells]
        return None in numbers or len({number.source for number in numbers if number}) == 1

    def _same_system(self, cells: Sequence[Cell]) -> bool:
        ours, theirs = cells
        number = self.suite.numbers.get((theirs.model, theirs.source, theirs.restoration))
        system = self.suite.models.get(ours.model, {}).get("published_as")
        return number is not None and (system, entry_of(ours.prompt)) == (number.system, number.source)
