"""The suite: which models, datasets, restorations, prompts and claims make the grid of a run."""

from harness.suite.parts import ClaimCell, Expectation, Filters, Profile
from harness.suite.prompts import SuitePrompt
from harness.suite.selection import check_splits, select
from harness.suite.suite import Suite

__all__ = ["ClaimCell", "Expectation", "Filters", "Profile", "Suite", "SuitePrompt", "check_splits", "select"]
