"""The address of one evaluation in the grid of models x datasets x restorations x prompts."""

from __future__ import annotations

from dataclasses import dataclass

NO_PROMPT = "-"


@dataclass(frozen=True, order=True)
class Cell:
    """One (model, dataset:split, restoration, prompt)."""

    model: str
    dataset: str
    split: str
    restoration: str = "none"
    prompt: str = NO_PROMPT

    @property
    def source(self) -> str:
        """`dataset:split`."""
        return f"{self.dataset}:{self.split}"

    @property
    def condition(self) -> str:
        """Everything but the model: `fer2013:private/none`, with the prompt where there is one."""
        parts = (self.source, self.restoration, *(() if self.prompt == NO_PROMPT else (self.prompt,)))
        return "/".join(parts)

    def __str__(self) -> str:
        return f"{self.condition}/{self.model}"
