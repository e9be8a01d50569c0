"""What a claim is: roles that models play, and a pure function from their evidence to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from harness.claims.ablation import Ablation
from harness.claims.contrast import Contrast
from harness.claims.embeddings import Embeddings
from harness.claims.verdict import Effect, Verdict
from harness.errors import Unavailable
from harness.models.base import Capability, Family, Published
from harness.predictions import Predictions

Evidence: TypeAlias = Predictions | Published


@dataclass(frozen=True)
class Role:
    """A part in a claim.

    Attributes:
        name: e.g. `vlm`.
        families: which models can play it, by what they are.
        capabilities: by how they are asked; () for all.
    """

    name: str
    families: tuple[Family, ...]
    capabilities: tuple[Capability, ...] = ()

    def fits(self, family: Family, capability: Capability) -> bool:
        """Whether a model can play it."""
        return family in self.families and (not self.capabilities or capability in self.capabilities)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a judgement needs besides the evidence.

    Attributes:
        cell: name of the cell(s), as in test ids.
        alpha: family-wise error rate; intervals are at 1 - alpha each.
        family_size: how many tests of this claim are judged together.
        seed: seed of every resampling.
        replicates: bootstrap replicates and permutations.
        barred: why this evidence may not decide ("" when it may).
        notes: findings to hand on to the reader.
        embeddings: what a fixed encoder makes of the pixels, for claims that ask for it.
    """

    cell: str
    alpha: float = 0.05
    family_size: int = 1
    seed: int = 0
    replicates: int = 10_000
    barred: str = ""
    notes: tuple[str, ...] = ()
    embeddings: Embeddings | None = None

    @property
    def level(self) -> float:
        """The level that the family leaves to its first rejection; power is computed at it."""
        return self.alpha / max(1, self.family_size)

    def testable(self, effect: Effect, threshold: float = 0.0) -> bool:
        """Whether more samples could decide: not when evidence is barred or the effect is the threshold."""
        return not self.barred and effect.value != threshold


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A named hypothesis over cells.

    Attributes:
        name: as in suite.toml and test names.
        hypothesis: one sentence.
        roles: one model per role makes a cell of the claim.
        judge: `judge(*evidence in the order of roles, context=...) -> Verdict`. Pure. With a contrast
            there is one role, and the evidence is its predictions under each prompt, ordered by
            `Contrast.arrange`. With an ablation the evidence is, role by role, the predictions under each
            restoration, ordered by `Ablation.arrange`.
        contrast: how the prompts of one test differ, for claims that compare prompts of one model.
        ablation: which restorations make one test, for claims that compare a model with itself on restored
            pictures.
        embeddings: whether `Context.embeddings` is needed, or welcome and judged without where it is absent.
        threshold: the smallest effect that counts; a verdict says on which side of it the effect lies.
        same_system: whether the second role is the publication of the first role's own system, under the
            prompt that has the publication's name.
        tasks: what its data sets may ask for, see `harness.tasks`; most claims are about right and wrong
            labels.
    """

    name: str
    hypothesis: str
    roles: tuple[Role, ...]
    judge: Callable[..., Verdict]
    contrast: Contrast | None = None
    ablation: Ablation | None = None
    embeddings: Literal["unused", "welcome", "needed"] = "unused"
    threshold: float = 0.0
    same_system: bool = False
    tasks: tuple[str, ...] = ("choice",)

    def check(self, evidence: Sequence[Evidence]) -> None:
        """Refuses evidence that the claim is not about.

        Raises:
            Unavailable: its data set asks for something else, or samples have several answers.
        """
        for side in evidence:
            if not isinstance(side, Predictions):
                continue
            if side.task.name not in self.tasks:
                raise Unavailable(
                    f"Claim {self.name} is about {' or '.join(self.tasks)}, and {side.cell.source} asks for "
                    f"{side.task.name}. Judge it on another data set."
                )
            if not side.one_answer_each:
                raise Unavailable(
                    f"Claim {self.name} is about one answer per sample, and {side.cell.model} gives several. "
                    "Derive one model from its answers, such as a panel."
                )
