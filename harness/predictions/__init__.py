"""Predictions: cells, their identity, the store that keeps them and the runner that makes them."""

from harness.predictions.cell import NO_PROMPT, Cell
from harness.predictions.joining import join
from harness.predictions.table import OUTCOMES, Predictions, score_columns

__all__ = ["NO_PROMPT", "OUTCOMES", "Cell", "Predictions", "join", "score_columns"]
