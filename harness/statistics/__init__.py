"""Intervals, tests, power and plausibility: pure functions of counts and arrays."""

from harness.statistics.bootstrap import (
    bootstrap,
    bootstrap_sums,
    metric_interval,
    metric_intervals,
    paired_difference,
)
from harness.statistics.bounded import BoundedMean, bounded_mean
from harness.statistics.clusters import effective_n
from harness.statistics.estimate import Estimate, Interval
from harness.statistics.intervals import clopper_pearson, wilson
from harness.statistics.multiplicity import holm
from harness.statistics.pairs import mcnemar
from harness.statistics.permutation import paired_permutation
from harness.statistics.plausibility import grim
from harness.statistics.power import (
    minimum_detectable_difference,
    minimum_detectable_difference_unpaired,
    needed_n,
    needed_n_unpaired,
)
from harness.statistics.proportions import compare_proportions
from harness.statistics.tables import pair_cells, pair_tables, single_cells

__all__ = [
    "BoundedMean",
    "Estimate",
    "Interval",
    "bootstrap",
    "bootstrap_sums",
    "bounded_mean",
    "clopper_pearson",
    "compare_proportions",
    "effective_n",
    "grim",
    "holm",
    "mcnemar",
    "metric_interval",
    "metric_intervals",
    "minimum_detectable_difference",
    "minimum_detectable_difference_unpaired",
    "needed_n",
    "needed_n_unpaired",
    "pair_cells",
    "pair_tables",
    "paired_difference",
    "paired_permutation",
    "single_cells",
    "wilson",
]
