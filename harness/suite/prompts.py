"""The [prompts] tables of a suite, expanded: one entry may stand for a whole design of label orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from harness.errors import UsageError
from harness.models.base import READERS, Capability
from harness.prompts import DESIGNS, Prompt, design_size
from harness.suite.source import Source
from harness.tools.forms import read

# What a suite without [prompts] asks; a table of this name replaces it.
DEFAULT_PROMPT = "plain"
# What an entry says beside the axes of its prompt; each of its repeats is a prompt of its own.
DESIGN: Mapping[str, Any] = {
    "kinds": tuple[Literal["contrastive", "generative"], ...],
    "repeats": Annotated[int, Ge(1), Le(1_000)],
}


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


def read_prompts(tables: Mapping[str, Mapping[str, Any]], source: Source) -> dict[str, SuitePrompt]:
    """All prompts by name.

    An entry holds axes of `Prompt`, and may hold `kinds` (the capabilities of the models that are asked
    so) and `repeats` (how often each question is asked). Where its `order` names a design, it stands for one
    prompt per order: `orders.01`, `orders.02`, ...; further asks are `orders.01.again1`, ...

    Args:
        tables: entry -> what it says.
        source: where they are written.

    Raises:
        UsageError: an entry is wrong; the message names it.
    """
    prompts = default_prompts()
    for entry, body in tables.items():
        if "." in entry or "/" in entry or "*" in entry:
            where = source.who(f"Prompt {entry!r}", "prompts")(entry)
            raise UsageError(f"{where} holds one of . / *. Rename it without.")
        prompts.update(_expand(entry, body, source.who(f"Prompt {entry}", "prompts", entry)))
    return prompts


def default_prompts() -> dict[str, SuitePrompt]:
    """What a suite without prompts asks."""
    return {DEFAULT_PROMPT: SuitePrompt(DEFAULT_PROMPT, Prompt())}


def _expand(
    entry: str, body: Mapping[str, Any], who: Callable[[str], str]
) -> Iterator[tuple[str, SuitePrompt]]:
    prompt = Prompt.from_entry({axis: value for axis, value in body.items() if axis not in DESIGN}, who)
    design = read({key: body[key] for key in DESIGN if key in body}, DESIGN, who)
    kinds, repeats = design.get("kinds", SuitePrompt.kinds), design.get("repeats", 1)
    if prompt.order.partition(".")[0] not in ("given", "reversed", *DESIGNS):
        raise UsageError(
            f"{who('order')} has order = {prompt.order!r}. Use given, reversed, a design "
            f"({', '.join(DESIGNS)}) or one member of it, such as williams-7.1."
        )
    size = design_size(prompt.order)
    for member in range(1, (size or 1) + 1):
        name = f"{entry}.{member:02d}" if size else entry
        order = f"{prompt.order}.{member}" if size else prompt.order
        for again in range(repeats):
            asked = replace(prompt, order=order, repeat=again)
            yield f"{name}.again{again}" if again else name, SuitePrompt(entry, asked, kinds)
