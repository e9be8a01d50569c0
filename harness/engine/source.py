"""Where the stimuli of a job come from."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.restoration import NONE


@dataclass(frozen=True, order=True)
class Source:
    """The stimuli of one split, perhaps narrowed to some labels and restored.

    Attributes:
        dataset: name of the data set.
        split: name of the split.
        subset: the concepts whose samples are left; () for all.
        restoration: what is done to the pixels.
        empty: one picture without content in their place, which shows what a model answers to the question
            alone. It passes the restorer, too: one that sees things in uniform grey is a part of the chain.
    """

    dataset: str
    split: str
    subset: tuple[str, ...] = ()
    restoration: str = NONE
    empty: bool = False

    @property
    def published(self) -> Source:
        """The same with pixels as published."""
        return replace(self, restoration=NONE)

    @property
    def blank(self) -> Source:
        """The picture without content that goes with it."""
        return replace(self, empty=True)

    def __str__(self) -> str:
        restored = "" if self.restoration == NONE else f"/{self.restoration}"
        return f"{self.dataset}:{self.split}{restored}{' (empty picture)' if self.empty else ''}"
