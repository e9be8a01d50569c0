"""What predictions are worth: pure functions of labels, confusion tables and probabilities."""

from harness.metrics.calibration import (
    ReliabilityCurve,
    brier_score,
    calibration_error_of_sums,
    expected_calibration_error,
    reliability_curve,
    reliability_sums,
    squared_errors,
    top_k_accuracy,
)
from harness.metrics.classification import (
    accuracy,
    accuracy_of_answered,
    balanced_accuracy,
    confusion_table,
    coverage,
    f1_per_class,
    macro_f1,
    macro_precision,
    precision_per_class,
    recall_per_class,
    weighted_f1,
    weighted_precision,
)

__all__ = [
    "ReliabilityCurve",
    "accuracy",
    "accuracy_of_answered",
    "balanced_accuracy",
    "brier_score",
    "calibration_error_of_sums",
    "confusion_table",
    "coverage",
    "expected_calibration_error",
    "f1_per_class",
    "macro_f1",
    "macro_precision",
    "precision_per_class",
    "recall_per_class",
    "reliability_curve",
    "reliability_sums",
    "squared_errors",
    "top_k_accuracy",
    "weighted_f1",
    "weighted_precision",
]
