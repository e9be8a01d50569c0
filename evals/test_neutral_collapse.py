"""A vision-language model answers neutral far more often than people do."""

import pytest


@pytest.mark.claim("neutral_collapse")
def test_neutral_collapse(verdict, expected):
    """Reported of commercial models on acted television (CAER), and of Phi-3.5 on FER-2013."""
    assert verdict.outcome == expected.outcome, verdict.reason
