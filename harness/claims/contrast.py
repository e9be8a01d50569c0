"""Which prompts of one model make one test of a claim about prompts."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from harness.prompts import Prompt


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """In what the prompts of one test differ; in every other axis they are alike.

    Attributes:
        axes: axes of `Prompt` that may differ; the first is the one that the claim is about.
        base: value of the first axis with which each other value is paired, as in before and after. None:
            all prompts that are alike otherwise are judged together.
        needs: values of the first axis without which there is no test. None are named: any two will do.
        within_entry: whether only prompts of one entry of the suite are joined, so that a design whose
            members balance each other stays whole and unmixed.
    """

    axes: tuple[str, ...]
    base: str | None = None
    needs: tuple[str, ...] = ()
    within_entry: bool = False

    def arrange(self, prompts: Sequence[tuple[str, str, Prompt]]) -> list[tuple[int, ...]]:
        """The tests that a list of prompts allows.

        Args:
            prompts: (name, entry, prompt) of each; `entry` is the table of the suite that it comes from.

        Returns:
            One tuple of indices per test, in the order in which the judge takes the predictions: the base
            first where there is one, then as given. A prompt that is there twice counts once.
        """
        alike: dict[Hashable, dict[Prompt, int]] = {}
        for index, (_, entry, prompt) in enumerate(prompts):
            alike.setdefault(self._rest(entry, prompt), {}).setdefault(prompt, index)
        return [test for group in alike.values() for test in self._tests(group)]

    def _rest(self, entry: str, prompt: Prompt) -> Hashable:
        axes = tuple(value for axis, value in prompt.as_dict().items() if axis not in self.axes)
        return (entry, axes) if self.within_entry else axes

    def _tests(self, group: dict[Prompt, int]) -> list[tuple[int, ...]]:
        values = {getattr(prompt, self.axes[0]) for prompt in group}
        if not values.issuperset(self.needs) or not (self.needs or len(values) > 1):
            return []
        if self.base is None:
            return [tuple(group.values())]
        base = [index for prompt, index in group.items() if getattr(prompt, self.axes[0]) == self.base]
        return [(first, other) for first in base for other in group.values() if other not in base]
