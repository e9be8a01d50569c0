"""Tasks as plain values, as they stand in files and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from harness.errors import UsageError
from harness.labels import LabelSpace
from harness.tasks.base import Task
from harness.tasks.choice import Choice
from harness.tasks.dimensions import Dimensions
from harness.tasks.votes import Votes


def task_as_dict(task: Task) -> dict[str, Any]:
    """A task as JSON has it: its name and its fields.

    Raises:
        UsageError: it is not one of the harness, so that nobody could read it back.
    """
    if not isinstance(task, (Choice, Votes, Dimensions)):
        raise UsageError(f"The task {task!r} cannot be kept. Use Choice, Votes or Dimensions.")
    return {"task": task.name, **asdict(task)}


def task_from_dict(plain: Mapping[str, Any]) -> Task:
    """What `task_as_dict` made plain.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    if plain["task"] == Dimensions.name:
        return Dimensions(tuple(plain["valence"]), tuple(plain["arousal"]))
    space = plain["space"]
    labels = LabelSpace(space["name"], tuple(space["labels"]), tuple(space["concepts"]))
    return Votes(labels) if plain["task"] == Votes.name else Choice(labels)
