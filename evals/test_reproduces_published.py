"""What we measure of a model is what was published of it, with the same weights and prompts."""

import pytest


@pytest.mark.claim("reproduces_published")
def test_reproduces_published(verdict, expected):
    """CLIP_benchmark's protocol is an entry of the prompts, MTEB's is another."""
    assert verdict.outcome == expected.outcome, verdict.reason
