"""Families: the tests of a claim that share one error rate.

A family is all tests that a profile of the suite has of one claim on one data set, its splits together. It is
a property of the suite: neither -k, --model or -n nor which models are here make it smaller or larger. Tests
whose published numbers are impossible leave it, which is known before any data are seen; nothing else does.
Data sets are families of their own, since each is asked anew whether the claim holds there, and a suite that
gains one must not change what was said about the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.claims.audit import audit
from harness.suite import ClaimCell, Filters, Suite


@dataclass(frozen=True)
class Family:
    """The tests of one claim on one data set.

    Attributes:
        claim: name of the claim.
        dataset: name of the data set.
        members: its tests, without those that are barred beforehand.
    """

    claim: str
    dataset: str
    members: frozenset[ClaimCell]

    def size_for(self, cell: ClaimCell) -> int:
        """How many tests are judged together with one; a test from outside of the profile joins them."""
        return len(self.members | {cell})


def family_of(suite: Suite, profile: str, claim: str, dataset: str) -> Family:
    """The family of a claim on a data set, in a profile of the suite as it stands there."""
    cells = suite.claim_cells(claim, suite.profile(profile), Filters())
    members = (cell for cell in cells if cell.cells[0].dataset == dataset and not findings(suite, cell))
    return Family(claim, dataset, frozenset(members))


def findings(suite: Suite, cell: ClaimCell) -> list[str]:
    """What speaks against the published numbers of a test, known before any data are seen."""
    numbers = (suite.numbers.get((side.model, side.source, side.restoration)) for side in cell.cells)
    return [
        f"{number.model}: {why}"
        for number in numbers
        if number is not None
        for why in audit(
            number, suite.published, suite.noise_ceilings.get(f"{number.dataset}:{number.split}")
        )
    ]


def by_family(cells: Iterable[ClaimCell]) -> dict[tuple[str, str], list[ClaimCell]]:
    """Tests by claim and data set."""
    families: dict[tuple[str, str], list[ClaimCell]] = {}
    for cell in dict.fromkeys(cells):
        families.setdefault((cell.claim, cell.cells[0].dataset), []).append(cell)
    return families
