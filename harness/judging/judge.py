"""Judges tests of claims: a function of the suite and of what its models have answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.claims import Claim, Context, Embeddings, Verdict, settle
from harness.claims import Evidence as Side
from harness.claims.leakage import hold_on_unseen
from harness.engine import Evidence
from harness.errors import DataError, HarnessError, Unavailable, UsageError
from harness.judging.encoders import encoder_of
from harness.judging.families import Family, family_of, findings
from harness.predictions import Predictions
from harness.store.results import Results, digest_of
from harness.suite import ClaimCell
from harness.tools.third_party import warnings_never_raise

Judgement = Verdict | HarnessError


@dataclass(frozen=True)
class Judge:
    """Judges tests of a profile of a suite.

    Attributes:
        evidence: what models have answered.
        profile: the name of the profile, whose tests make the families.
        results: remembers verdicts.
    """

    evidence: Evidence
    profile: str
    results: Results

    def family(self, claim: str, dataset: str, cells: Iterable[ClaimCell]) -> dict[ClaimCell, Judgement]:
        """Judges tests of one family, and settles them together.

        Args:
            claim: name of the claim.
            dataset: name of the data set.
            cells: those that ran. The others of the family count, too: a verdict that depends on what they
                would have come to is not given.

        Returns:
            Verdicts; for a test that cannot be judged, why not.
        """
        family = family_of(self.evidence.bench.suite, self.profile, claim, dataset)
        found: dict[ClaimCell, Judgement] = {}
        for cell in cells:
            try:
                found[cell] = self._judged(self.evidence.bench.suite.claim(claim), cell, family)
            except HarnessError as error:
                found[cell] = error
        return {cell: _settled(cell, found, family) for cell in found}

    def _judged(self, claim: Claim, cell: ClaimCell, family: Family) -> Verdict:
        """The verdict on one test, before it is settled with its family."""
        settings = self.evidence.bench.settings
        sides = [self.evidence.of(side) for side in cell.cells]
        claim.check(sides)
        context = Context(
            cell=str(cell),
            alpha=settings.alpha,
            family_size=family.size_for(cell),
            seed=settings.seed,
            replicates=settings.replicates,
            barred="; ".join(findings(self.evidence.bench.suite, cell)),
        )
        return self._remembered(claim, sides, self._with_embeddings(claim, cell, context))

    def _with_embeddings(self, claim: Claim, cell: ClaimCell, context: Context) -> Context:
        """The context with the embeddings that a claim asks for, or with why there are none.

        Raises:
            Unavailable: they are needed and absent.
            HarnessError: the encoder cannot be one, or fails.
        """
        if claim.embeddings == "unused":
            return context
        first = cell.cells[0]
        try:
            encoder = encoder_of(self.evidence.bench.suite, claim.name, first.dataset)
            rows = {
                side.restoration: self.evidence.embeddings(encoder, first.source, side.restoration)
                for side in cell.cells
            }
        except Unavailable as error:
            if claim.embeddings == "needed":
                raise
            return replace(context, notes=(*context.notes, f"No embeddings: {error}"))
        return replace(context, embeddings=Embeddings(encoder, rows))

    @warnings_never_raise()
    def _remembered(self, claim: Claim, sides: list[Side], context: Context) -> Verdict:
        """Judges the evidence, or remembers what it came to."""
        cells = dict.fromkeys(side.cell for side in sides if isinstance(side, Predictions))
        masks = [mask for cell in cells if (mask := self.evidence.seen_in_training(cell)) is not None]
        seen = np.any(masks, axis=0) if masks else None
        if seen is not None and np.all(seen):
            context = replace(context, barred=context.barred or "every sample was trained on by one side")
        if not claim.judge.__module__.startswith("harness."):  # its code is not part of the key
            return judge_unseen(claim, sides, seen, context)
        embeddings = context.embeddings and {"encoder": context.embeddings.encoder, **context.embeddings.rows}
        about = asdict(replace(context, embeddings=None))
        evidence = [digest_of(side) if isinstance(side, Predictions) else asdict(side) for side in sides]
        inputs = {"claim": claim.name, "evidence": evidence, "seen": seen, **about, "embeddings": embeddings}
        return Verdict.from_dict(
            self.results.remember(inputs, lambda: judge_unseen(claim, sides, seen, context).as_dict())
        )


def judge_unseen(
    claim: Claim, sides: list[Side], seen: NDArray[np.bool_] | None, context: Context
) -> Verdict:
    """Judges the evidence, and again without what a side has seen in training, where there is such."""
    verdict = claim.judge(*sides, context=context)
    if seen is None or not np.any(seen) or np.all(seen):
        return verdict
    rest = [side.subset(~seen) if isinstance(side, Predictions) else side for side in sides]
    if context.embeddings is not None:
        context = replace(context, embeddings=context.embeddings.subset(~seen))
    return hold_on_unseen(verdict, claim.judge(*rest, context=context), int(seen.sum()))


def _settled(cell: ClaimCell, found: Mapping[ClaimCell, Judgement], family: Family) -> Judgement:
    """A verdict, settled with the others of the family that ran; errors stay what they are."""
    verdict = found[cell]
    if isinstance(verdict, HarnessError):
        return verdict
    members = [other for member, other in found.items() if member != cell and member in family.members]
    others = [other for other in members if isinstance(other, Verdict)]
    mute = sum(isinstance(other, DataError | UsageError) for other in members)
    return settle(verdict, others, family.size_for(cell), mute=mute)
