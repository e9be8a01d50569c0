"""The verdict on every claim, and the metrics of every model, cell by cell, as suite.toml has them."""


def test_claims(verdict, expected):
    """A claim is supported here, or what the suite expects instead."""
    assert verdict.outcome == expected.outcome, verdict.reason


def test_metrics(predictions, metric_snapshot):
    """No metric has moved since its snapshot was taken; `--snapshot-update` takes one."""
    assert predictions == metric_snapshot
