"""A vision-language model gets less right when the labels are not named."""

import pytest


@pytest.mark.claim("no_label_degradation")
def test_no_label_degradation(verdict, expected):
    """Bhattacharyya and Wang 2025 (arXiv 2502.05660) claim it for evoked emotion."""
    assert verdict.outcome == expected.outcome, verdict.reason
