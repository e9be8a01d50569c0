"""The parents of derived models: which they are, and whether they can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.models.base import READERS
from harness.models.registry import capability_of
from harness.predictions.cell import NO_PROMPT, Cell
from harness.suite.parts import matches_prompt
from harness.tools.nearest import nearest

if TYPE_CHECKING:
    from harness.suite.suite import Suite


def check_parents(models: Mapping[str, Mapping[str, Any]], prompts: Iterable[str], where: str) -> None:
    """Refuses derived models that could not be computed.

    Args:
        models: the entries of the suite.
        prompts: the names of all prompts.
        where: the suite, for messages.

    Raises:
        UsageError: parents are missing, unknown, asked with no prompt of the suite, or derived in a circle.
    """
    names = list(prompts)
    for name, entry in models.items():
        derived, parents = capability_of(entry) == "derived", entry.get("parents", [])
        if derived != bool(parents):
            raise UsageError(
                f"[models.{name}] of {where} lacks parents. Name the models that it is computed from."
                if derived
                else f"[models.{name}] of {where} has parents, and is not derived. Leave them out."
            )
        for parent in parents:
            _check_parent(name, parent, models, names, where)
    for name in models:
        _check_descent(name, models, (), where)


def _check_parent(
    name: str, parent: str, models: Mapping[str, Mapping[str, Any]], prompts: Sequence[str], where: str
) -> None:
    model, _, prompt = parent.partition("/")
    who = f"[models.{name}] of {where} has the parent {parent!r}"
    if model not in models:
        raise UsageError(f"{who}, which is no model of the suite. {nearest(model, models)}")
    reads = capability_of(models[model]) in READERS
    if reads and not any(matches_prompt(one, (prompt,)) for one in prompts):
        raise UsageError(f"{who}, which reads prompts. Write {model}/PROMPT with one of the suite.")
    if prompt and not reads:
        raise UsageError(f"{who}, which reads no prompt. Write {model}.")


def _check_descent(
    name: str, models: Mapping[str, Mapping[str, Any]], heirs: tuple[str, ...], where: str
) -> None:
    if name in heirs:
        circle = " <- ".join([*heirs[heirs.index(name) :], name])
        raise UsageError(f"{where} derives {name} from itself: {circle}. Leave one of these parents out.")
    for parent in models[name].get("parents", ()):
        _check_descent(parent.partition("/")[0], models, (*heirs, name), where)


def parent_cells(suite: Suite, cell: Cell) -> tuple[Cell, ...]:
    """The cells from which a cell of a derived model is computed, on the same pixels; () for other models.

    A parent whose prompt is an entry that stands for many is all of them.
    """
    found = []
    for parent in suite.models.get(cell.model, {}).get("parents", ()):
        model, _, prompt = parent.partition("/")
        prompts = [one for one in suite.prompts if matches_prompt(one, (prompt,))] if prompt else [NO_PROMPT]
        found += [replace(cell, model=model, prompt=name) for name in prompts]
    return tuple(found)


def with_parents(suite: Suite, cells: Iterable[Cell]) -> Iterator[Cell]:
    """All cells that must be answered for some: parents before those that are derived from them."""
    for cell in cells:
        yield from with_parents(suite, parent_cells(suite, cell))
        yield cell
