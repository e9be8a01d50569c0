"""A CNN trained on the dataset gets more of it right than a zero-shot vision-language model."""

import pytest


@pytest.mark.claim("cnn_beats_vlm")
def test_cnn_beats_vlm(verdict, expected):
    """Mulukutla et al. 2025 (arXiv 2508.13524) claim it for FER-2013."""
    assert verdict.outcome == expected.outcome, verdict.reason
