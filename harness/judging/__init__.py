"""Judging: families of claims, their verdicts and what bars them; a function of suite and evidence."""

from harness.judging.evaluation import Evaluation
from harness.judging.families import Family, family_of
from harness.judging.judge import Judge

__all__ = ["Evaluation", "Family", "Judge", "family_of"]
