"""Tasks: what a data set asks for, how an answer to that is read, and how much of it is right."""

from harness.tasks.base import Task, credit_of_labels, space_of
from harness.tasks.choice import Choice
from harness.tasks.dimensions import Dimensions
from harness.tasks.plain import task_as_dict, task_from_dict
from harness.tasks.votes import Votes

__all__ = [
    "Choice",
    "Dimensions",
    "Task",
    "Votes",
    "credit_of_labels",
    "space_of",
    "task_as_dict",
    "task_from_dict",
]
