"""Maps from one label space to another, which say what they drop and what they merge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.errors import UsageError

from .space import LabelSpace, label_space
from .vocabulary import Coarsening, vocabulary


@dataclass(frozen=True)
class LabelMap:
    """A partial function from the labels of `source` to the labels of `target`.

    Attributes:
        source: The space that labels come from.
        target: The space that they go to.
        pairs: (source label, target label); a source label occurs at most once.

    Raises:
        UsageError: A pair names an unknown label, or a source label occurs twice.
    """

    source: LabelSpace
    target: LabelSpace
    pairs: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        for old, new in self.pairs:
            self.source.index(old)
            self.target.index(new)
        if len(self._table) != len(self.pairs):
            raise UsageError(
                f"The map from {self.source.name} to {self.target.name} sends one label to two places. "
                "Give each source label at most one pair."
            )

    @property
    def dropped(self) -> tuple[str, ...]:
        """Source labels without a counterpart."""
        return tuple(label for label in self.source.labels if label not in self._table)

    @property
    def merged(self) -> Mapping[str, tuple[str, ...]]:
        """Target labels that take in several source labels -> those source labels."""
        origins = {new: tuple(old for old, to in self.pairs if to == new) for _, new in self.pairs}
        return {new: olds for new, olds in origins.items() if len(olds) > 1}

    @property
    def unreached(self) -> tuple[str, ...]:
        """Target labels that no source label goes to."""
        reached = set(self._table.values())
        return tuple(label for label in self.target.labels if label not in reached)

    def inverse(self) -> "LabelMap":
        """The way back; a merged label has no single way back and is dropped."""
        merged = self.merged
        back = tuple((new, old) for old, new in self.pairs if new not in merged)
        return LabelMap(self.target, self.source, back)

    def then(self, other: "LabelMap") -> "LabelMap":
        """This map followed by `other`.

        Raises:
            UsageError: `other` does not start where this map ends.
        """
        if other.source != self.target:
            raise UsageError(
                f"A map to {self.target.name} cannot be followed by one from {other.source.name}. "
                f"Give a map whose source is {self.target.name}."
            )
        pairs = tuple((old, other._table[new]) for old, new in self.pairs if new in other._table)
        return LabelMap(self.source, other.target, pairs)

    def apply(self, labels: Sequence[str | None]) -> list[str | None]:
        """Each label in the target space; None for what is dropped and for None itself.

        Raises:
            UsageError: A label is not one of the source space.
        """
        for label in set(labels) - {None}:
            self.source.index(str(label))
        return [None if label is None else self._table.get(label) for label in labels]

    def codes(self, answers: ArrayLike) -> NDArray[np.int64]:
        """Source indices of any shape (-1 = no valid answer) as target indices; -1 for what is dropped.

        Raises:
            UsageError: An index is outside -1 .. K_source - 1.
        """
        given = np.asarray(answers, dtype=np.int64)
        if given.size and not -1 <= given.min() <= given.max() < len(self.source):
            raise UsageError(
                f"Expected indices from -1 to {len(self.source) - 1} for label space {self.source.name}, "
                f"but got {given.min()} to {given.max()}. Give indices into that space."
            )
        table = np.full(len(self.source) + 1, -1, dtype=np.int64)  # the last entry is where -1 lands
        for old, new in self.pairs:
            table[self.source.index(old)] = self.target.index(new)
        return table[given]

    def scores(self, scores: ArrayLike) -> NDArray[np.float64]:
        """Scores (N, K_source) as scores (N, K_target): merged ones added up, dropped ones left out.

        Nothing is renormalised, so a row loses exactly the mass of the dropped labels.

        Raises:
            UsageError: The last axis does not have one column per source label.
        """
        values = np.asarray(scores, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.source):
            raise UsageError(
                f"Expected scores of shape (N, {len(self.source)}) for label space {self.source.name}, "
                f"but got {values.shape}. Give one column per label, in the order of the space."
            )
        mapped = np.zeros((len(values), len(self.target)))
        for old, new in self.pairs:
            mapped[:, self.target.index(new)] += values[:, self.source.index(old)]
        return mapped

    @cached_property
    def _table(self) -> dict[str, str]:
        return dict(self.pairs)


def label_map(
    source: str | LabelSpace, target: str | LabelSpace, *, coarsening: str | None = None
) -> LabelMap:
    """The map between two spaces (or their names) by shared concepts.

    >>> label_map("mikels8", "ekman6").dropped
    ('amusement', 'awe', 'contentment', 'excitement')
    >>> label_map("mikels8", "ekman6", coarsening="ekman").merged
    {'happiness': ('amusement', 'contentment', 'excitement')}

    Args:
        source: Where labels come from.
        target: Where they go.
        coarsening: Name of a packaged coarsening, such as `ekman`, which merges finer concepts into
            broader ones and names those that it drops. Default: none, only equal concepts map.

    Raises:
        UsageError: A name is unknown, the spaces share nothing, or the coarsening says nothing of a label.
    """
    start = label_space(source) if isinstance(source, str) else source
    end = label_space(target) if isinstance(target, str) else target
    table = _coarsening(coarsening) if coarsening is not None else None
    pairs = []
    for label, concept in zip(start.labels, start.concepts, strict=True):
        wider = concept
        if table is not None and concept not in end.concepts:
            wider = table.merge.get(concept, concept)
            if wider not in end.concepts and concept not in table.drop:
                raise UsageError(
                    f"Coarsening {coarsening!r} does not say where {label!r} goes in {end.name}. "
                    "Add it to `merge` or `drop`, or map by shared concepts alone."
                )
        if wider in end.concepts:
            pairs.append((label, end.labels[end.concepts.index(wider)]))
    if not pairs:
        raise UsageError(
            f"Label spaces {start.name} and {end.name} share no concept. Choose spaces that overlap."
        )
    return LabelMap(start, end, tuple(pairs))


def _coarsening(name: str) -> Coarsening:
    known = vocabulary().coarsenings
    if name not in known:
        raise UsageError(f"Unknown coarsening {name!r}. Use one of: {', '.join(known)}.")
    return known[name]
