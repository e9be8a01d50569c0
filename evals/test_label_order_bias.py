"""The order in which labels are named changes a vision-language model's answers."""

import pytest


@pytest.mark.claim("label_order_bias")
def test_label_order_bias(verdict, expected):
    """Bhattacharyya and Wang 2025 (arXiv 2502.05660) and Zheng et al. 2024 (arXiv 2309.03882) claim it."""
    assert verdict.outcome == expected.outcome, verdict.reason
