"""Models: one file per adapter. An adapter turns a suite entry into something with answers."""

from harness.models.base import Classifier, Context, Published, RunnableModel, TableModel
from harness.models.card import Card
from harness.models.registry import ADAPTERS, build_model

__all__ = [
    "ADAPTERS",
    "Card",
    "Classifier",
    "Context",
    "Published",
    "RunnableModel",
    "TableModel",
    "build_model",
]
