"""Restoring pictures changes what a fixed model decides about them."""

import pytest


@pytest.mark.claim("restoration_drift")
def test_restoration_drift(verdict, expected):
    """A restorer that invents detail can invent another expression."""
    assert verdict.outcome == expected.outcome, verdict.reason
