"""Reasoning before the answer gets more images right."""

import pytest


@pytest.mark.claim("reasoning_helps")
def test_reasoning_helps(verdict, expected):
    """Bhattacharyya and Wang 2025 (arXiv 2502.05660) tried three ways of reasoning first."""
    assert verdict.outcome == expected.outcome, verdict.reason
