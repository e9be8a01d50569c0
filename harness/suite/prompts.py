"""The [prompts] tables of a suite, expanded: one entry may stand for a whole design of label orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import UsageError
from harness.models.base import READERS, Capability
from harness.prompts import DESIGNS, Prompt, design_size

# What a suite without [prompts] asks; a table of this name replaces it.
DEFAULT_PROMPT = "plain"
_MOST_REPEATS = 1_000  # each is a prompt of its own


@dataclass(frozen=True)
class SuitePrompt:
    """A prompt of the grid.

    Attributes:
        entry: the [prompts] table that it comes from.
        prompt: how the model is asked.
        kinds: the capabilities of the models that are asked so.
    """

    entry: str
    prompt: Prompt
    kinds: tuple[Capability, ...] = READERS


def entry_of(name: str) -> str:
    """The entry that a prompt's name was expanded from: `orders` of `orders.03.again1`."""
    return name.partition(".")[0]


def read_prompts(tables: Mapping[str, Mapping[str, Any]], where: str) -> dict[str, SuitePrompt]:
    """All prompts by name.

    An entry holds axes of `Prompt`, and may hold `kinds` (the capabilities of the models that are asked
    so) and `repeats` (how often each question is asked). Where its `order` names a design, it stands for one
    prompt per order: `orders.01`, `orders.02`, ...; further asks are `orders.01.again1`, ...

    Raises:
        UsageError: an entry is wrong; the message names it.
    """
    prompts = {DEFAULT_PROMPT: SuitePrompt(DEFAULT_PROMPT, Prompt())}
    for entry, body in tables.items():
        if "." in entry or "/" in entry or "*" in entry:
            raise UsageError(f"Prompt {entry!r} of {where} holds one of . / *. Rename it without.")
        prompts.update(_expand(entry, body, where))
    return prompts


def _expand(entry: str, body: Mapping[str, Any], where: str) -> Iterator[tuple[str, SuitePrompt]]:
    axes = {axis: value for axis, value in body.items() if axis not in ("kinds", "repeats")}
    prompt = Prompt.from_entry(axes, f"{entry} of {where}")
    kinds, repeats = body.get("kinds", SuitePrompt.kinds), body.get("repeats", 1)
    if not isinstance(kinds, (list, tuple)) or any(kind not in READERS for kind in kinds):
        raise UsageError(f"Prompt {entry} of {where} has kinds = {kinds!r}. List {' or '.join(READERS)}.")
    if type(repeats) is not int or not 1 <= repeats <= _MOST_REPEATS:
        raise UsageError(
            f"Prompt {entry} of {where} has repeats = {repeats!r}. Write 1 or more, and at most "
            f"{_MOST_REPEATS:,}."
        )
    if prompt.order.partition(".")[0] not in ("given", "reversed", *DESIGNS):
        raise UsageError(
            f"Prompt {entry} of {where} has order = {prompt.order!r}. Use given, reversed, a design "
            f"({', '.join(DESIGNS)}) or one member of it, such as williams-7.1."
        )
    size = design_size(prompt.order)
    for member in range(1, (size or 1) + 1):
        name = f"{entry}.{member:02d}" if size else entry
        order = f"{prompt.order}.{member}" if size else prompt.order
        for again in range(repeats):
            asked = replace(prompt, order=order, repeat=again)
            yield f"{name}.again{again}" if again else name, SuitePrompt(entry, asked, tuple(kinds))
