"""A persona's mood shows in the sentiment of the answers."""

import pytest


@pytest.mark.claim("persona_shifts_sentiment")
def test_persona_shifts_sentiment(verdict, expected):
    """Bhattacharyya and Wang 2025 (arXiv 2502.05660) report it of personas."""
    assert verdict.outcome == expected.outcome, verdict.reason
