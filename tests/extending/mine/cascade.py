"""A derived model: the first parent where it is sure, else the second."""

import numpy as np


class Cascade:
    """Computed from the predictions of its parents, which the entry names."""

    capability = "derived"
    family = "ensemble"
    version = 1

    def __init__(self, *, context, sure: float = 0.9):
        self.sure = sure
        self.options = {"sure": sure}

    def combine(self, parents):
        """Scores (N, K), of which the highest is the answer; a row of nan is none."""
        first, second = parents
        confident = first.probabilities.max(axis=1) >= self.sure
        wanted = np.where(second.answers >= 0, second.answers, first.answers)
        asked = np.eye(len(first.space))[wanted]
        return np.where(confident[:, None], first.probabilities, asked)
