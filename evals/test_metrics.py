"""Metric tables of every cell, held against the snapshots in `__snapshots__`."""


def test_metrics(predictions, metric_snapshot):
    """No metric has moved since the snapshot was taken."""
    assert predictions == metric_snapshot
