"""The verdict on every claim of the suite, cell by cell, held against what the suite expects of it."""


def test_claims(verdict, expected):
    """What the literature claims is supported here, or as the suite says instead."""
    assert verdict.outcome == expected.outcome, verdict.reason
