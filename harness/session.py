"""One run of a suite: evidence handed to claims, and families of verdicts settled together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from harness.claims import Claim, Context, Embeddings, Evidence, Verdict, settle
from harness.claims.audit import audit
from harness.claims.leakage import hold_on_unseen
from harness.datasets import content, exact_overlap, load_dataset, pixels
from harness.encoder import Encoder
from harness.errors import HarnessError, Unavailable
from harness.identity import package_versions, source_version
from harness.predictions import Cell, Predictions
from harness.predictor import Predictor
from harness.results import Results, digest_of
from harness.shared_verdicts import SharedVerdicts
from harness.suite import ClaimCell
from harness.suite.parents import parent_cells
from harness.third_party import warnings_never_raise


@dataclass
class Session:
    """Everything a process of a run shares.

    Attributes:
        predictor: makes the predictions.
        families: claim -> all of its tests in this run, which are judged together.
    """

    predictor: Predictor
    families: dict[str, list[ClaimCell]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.suite, self.settings = self.predictor.suite, self.predictor.settings
        self.dataset, self.predictions = self.predictor.dataset, self.predictor.predictions
        self.verdicts = SharedVerdicts(self.predictor.run)
        self.results = Results(self.settings.store)
        self.seen = lru_cache(maxsize=None)(self._seen)
        self.family = lru_cache(maxsize=None)(self._family)
        # 37 MB for 7,178 pictures and 1,280 dimensions; tests of one data set follow each other.
        self.embeddings = lru_cache(maxsize=16)(
            lambda encoder, source, restoration: Encoder(self.predictor, encoder).embed(source, restoration)
        )

    def plan(self, cells: Iterable[Cell], families: Iterable[ClaimCell] = ()) -> None:
        """Says what will be asked for, so that each model is loaded once and families are judged whole."""
        for claim_cell in families:
            self.families.setdefault(claim_cell.claim, []).append(claim_cell)
        asked = [
            *cells,
            *(cell for family in self.families.values() for pair in family for cell in pair.cells),
        ]
        self.predictor.planned = list(
            dict.fromkeys(cell for cell in asked if cell.model in self.suite.models)
        )

    def evidence(self, cell: Cell) -> Evidence:
        """Predictions of a cell, or the published numbers that stand for it."""
        number = self.suite.numbers.get((cell.model, cell.source, cell.restoration))
        return number if number is not None else self.predictions(cell)

    def verdict(self, cell: ClaimCell) -> Verdict:
        """The verdict on one cell, settled together with its family.

        Raises:
            Unavailable: a model or dataset of this cell is absent.
        """
        outcome = self.family(cell.claim)[cell]
        if isinstance(outcome, HarnessError):
            raise outcome
        return outcome

    def _family(self, name: str) -> dict[ClaimCell, Verdict | HarnessError]:
        """Judges all planned cells of a claim; a cell that cannot be judged takes no part."""
        claim = self.suite.claim(name)
        cells = list(dict.fromkeys(self.families[name]))
        evidence: dict[ClaimCell, list[Evidence]] = {}
        results: dict[ClaimCell, Verdict | HarnessError] = {}
        for cell in cells:
            try:
                sides = [self.evidence(side) for side in cell.cells]
                claim.check(sides)
                evidence[cell] = sides
            except HarnessError as error:
                results[cell] = error
        findings = {cell: self._findings(sides) for cell, sides in evidence.items()}
        admitted = sum(not found for found in findings.values())

        def judge(cell: ClaimCell) -> Verdict:
            context = Context(
                cell=str(cell),
                alpha=self.settings.alpha,
                family_size=admitted,
                seed=self.settings.seed,
                replicates=self.settings.replicates,
                barred="; ".join(findings[cell]),
            )
            return self._judge(claim, evidence[cell], self._with_embeddings(claim, cell, context))

        for wait in (False, True):  # first what no other worker is at
            for cell in [cell for cell in evidence if cell not in results]:
                try:
                    verdict = self.verdicts.judged(name, cell.cells, partial(judge, cell), wait=wait)
                except HarnessError as error:
                    results[cell] = error
                else:
                    results |= {} if verdict is None else {cell: verdict}
        # In the order of the family, which Holm's adjustment reports by.
        judged = {cell: found for cell in cells if isinstance(found := results[cell], Verdict)}
        return {**results, **dict(zip(judged, settle(list(judged.values())), strict=True))}

    def _with_embeddings(self, claim: Claim, cell: ClaimCell, context: Context) -> Context:
        """The context with the embeddings that a claim asks for, or with why there are none.

        Raises:
            Unavailable: they are needed and absent.
            HarnessError: the encoder cannot be one, or fails.
        """
        if claim.embeddings == "unused":
            return context
        source = cell.cells[0].source
        try:
            encoder = self._encoder(claim, cell.cells[0].dataset)
            rows = {
                side.restoration: self.embeddings(encoder, source, side.restoration) for side in cell.cells
            }
        except Unavailable as error:
            if claim.embeddings == "needed":
                raise
            return replace(context, notes=(*context.notes, f"No embeddings: {error}"))
        return replace(context, embeddings=Embeddings(encoder, rows))

    def _encoder(self, claim: Claim, dataset: str) -> str:
        """The model that the claim's entry names for a dataset, else the suite's first contrastive one."""
        named = self.suite.claims[claim.name].get("encoder", {})
        for glob, model in ({"*": named} if isinstance(named, str) else named).items():
            if fnmatchcase(dataset, glob):
                return str(model)
        found = [name for name in self.suite.models if self.suite.capability(name) == "contrastive"]
        if not found:
            raise Unavailable(
                f"Claim {claim.name} has no encoder. Write encoder = a contrastive model or a network of the "
                f"suite into [claims.{claim.name}]."
            )
        return found[0]

    def _findings(self, sides: list[Evidence]) -> list[str]:
        """What speaks against the published numbers among the evidence."""
        return [
            f"{side.model}: {why}"
            for side in sides
            if not isinstance(side, Predictions)
            for why in audit(
                side, self.suite.published, self.suite.noise_ceilings.get(f"{side.dataset}:{side.split}")
            )
        ]

    @warnings_never_raise()
    def _judge(self, claim: Claim, sides: list[Evidence], context: Context) -> Verdict:
        """Judges the evidence, or remembers what it came to."""
        masks = {
            side.cell: mask
            for side in sides
            if isinstance(side, Predictions) and (mask := self._seen_by(side.cell)) is not None
        }
        seen = np.any(list(masks.values()), axis=0) if masks else None
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

    def _seen_by(self, cell: Cell) -> NDArray[np.bool_] | None:
        trained_on = getattr(self.predictor.model(cell.model), "trained_on", None)
        own = None if trained_on is None else self.seen(cell.dataset, cell.split, trained_on)
        inherited = (self._seen_by(parent) for parent in parent_cells(self.suite, cell))
        masks = [mask for mask in (own, *inherited) if mask is not None]
        return np.any(masks, axis=0) if masks else None

    def _seen(self, name: str, split: str, trained_on: str) -> NDArray[np.bool_] | None:
        """Which samples of a dataset are pixel for pixel in what a model was trained on; None if unknown."""
        training, _, part = trained_on.partition(":")
        if training not in self.suite.datasets:
            return None
        try:
            known = load_dataset(self.suite.datasets[training], training, part, self.settings.data_root)
        except HarnessError:  # the card may name a split that this dataset does not have here
            return None
        return self.predictor.store.remember(
            [
                self.dataset(name, split).fingerprint,
                known.stamp,
                package_versions("pillow")["pillow"],
                source_version(pixels, content),  # the rule by which pictures become pixels
            ],
            lambda: exact_overlap(self.dataset(name, split), known),
        )


def judge_unseen(
    claim: Claim, sides: list[Evidence], seen: NDArray[np.bool_] | None, context: Context
) -> Verdict:
    """Judges the evidence, and again without what a side has seen in training, where there is such."""
    verdict = claim.judge(*sides, context=context)
    if seen is None or not np.any(seen) or np.all(seen):
        return verdict
    rest = [side.subset(~seen) if isinstance(side, Predictions) else side for side in sides]
    if context.embeddings is not None:
        context = replace(context, embeddings=context.embeddings.subset(~seen))
    return hold_on_unseen(verdict, claim.judge(*rest, context=context), int(seen.sum()))
