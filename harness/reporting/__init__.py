"""Reports of a run: metrics.csv, report.md, report.html, and what changed since a baseline."""

from harness.reporting.baseline import Comparison, compare_runs
from harness.reporting.pictures import keep_pictures
from harness.reporting.report import write_report
from harness.reporting.run import Run, load_predictions, read_run

__all__ = [
    "Comparison",
    "Run",
    "compare_runs",
    "keep_pictures",
    "load_predictions",
    "read_run",
    "write_report",
]
