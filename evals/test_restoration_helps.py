"""Restored faces are recognised better than the same faces merely enlarged, or left alone."""

import pytest


@pytest.mark.claim("restoration_helps")
def test_restoration_helps(verdict, expected):
    """Mulukutla et al. 2025 (arXiv 2508.13524) restore with GFPGAN throughout and measure nothing without."""
    assert verdict.outcome == expected.outcome, verdict.reason
