"""The farther a treatment shifts pictures in a fixed encoder's space, the more accuracy falls."""

import pytest


@pytest.mark.claim("domain_shift_explains")
def test_domain_shift_explains(verdict, expected):
    """Domain shift, which arXiv 2508.13524 leaves unquantified."""
    assert verdict.outcome == expected.outcome, verdict.reason
