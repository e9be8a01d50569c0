"""Reports of a run: metrics.csv, report.md, report.html, and what changed since a baseline."""

from harness.reporting.baseline import Comparison, compare_runs
from harness.reporting.report import write_report

__all__ = ["Comparison", "compare_runs", "write_report"]
