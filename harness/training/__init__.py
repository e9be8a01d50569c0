"""Training CNNs from scratch: `train` one, or `train_seeds` for the spread over seeds."""

from harness.training.progress import TrainingProgress
from harness.training.recipe import Recipe
from harness.training.run import TrainResult, train
from harness.training.seeds import Spread, train_seeds

__all__ = ["Recipe", "Spread", "TrainResult", "TrainingProgress", "train", "train_seeds"]
