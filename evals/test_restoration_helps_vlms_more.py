"""Restoring faces helps a vision-language model more than a CNN that was trained on such faces."""

import pytest


@pytest.mark.claim("restoration_helps_vlms_more")
def test_restoration_helps_vlms_more(verdict, expected):
    """The interaction that arXiv 2508.13524 leaves open by restoring for both alike."""
    assert verdict.outcome == expected.outcome, verdict.reason
