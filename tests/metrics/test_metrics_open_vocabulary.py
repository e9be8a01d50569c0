"""Mapping of free answers: row by row, monotone in tau, and nothing mapped that said nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.metrics import fine_grained_rate, mapped_answers, mapping_curve

TAUS = (0.0, 0.3, 0.5, 0.9)


@st.composite
def answered(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gold, ladder and similarities of three labels; some samples said nothing."""
    rows = draw(
        st.lists(
            st.tuples(
                st.integers(0, 2),
                st.integers(-1, 2),
                st.lists(st.sampled_from([-0.1, 0.0, 0.3, 0.5, 0.7, 1.0]), min_size=3, max_size=3)
                | st.just([np.nan] * 3),
            ),
            min_size=1,
            max_size=12,
        )
    )
    gold, ladder, similarities = zip(*rows, strict=True)
    return np.array(gold), np.array(ladder), np.array(similarities)


@given(answered(), st.sampled_from(TAUS))
def test_the_ladder_goes_first_and_similarity_needs_tau(case, tau):
    _, ladder, similarities = case
    for rung, row, ours in zip(ladder, similarities, mapped_answers(ladder, similarities, tau), strict=True):
        if rung >= 0:
            assert ours == rung
        elif np.isnan(row).any() or max(row) < tau:
            assert ours == -1
        else:
            assert ours == row.tolist().index(max(row))


@given(answered())
def test_the_curve_counts_all_samples_and_loses_them_as_tau_rises(case):
    gold, ladder, similarities = case
    curve = mapping_curve(gold, ladder, similarities, TAUS)
    mapped = [mapped_answers(ladder, similarities, tau) for tau in TAUS]
    np.testing.assert_allclose(curve.accuracy, [np.mean(m == gold) for m in mapped])
    np.testing.assert_allclose(curve.unmapped, [np.mean(m == -1) for m in mapped])
    assert curve.taus.tolist() == list(TAUS)
    assert (np.diff(curve.unmapped) >= 0).all()
    assert (curve.accuracy + curve.unmapped <= 1 + 1e-12).all()


@given(answered(), st.sampled_from(TAUS))
def test_fine_words_are_those_that_similarity_alone_maps(case, tau):
    _, ladder, similarities = case
    unmapped = mapping_curve([0] * len(ladder), ladder, similarities, [tau]).unmapped[0]
    known = np.mean(ladder >= 0)
    assert fine_grained_rate(ladder, similarities, tau) == pytest.approx(1 - known - unmapped)


def test_plain_answers_are_not_fine_and_fine_ones_are():
    similarities = np.tile([0.8, 0.1, 0.1], (4, 1))
    assert fine_grained_rate([0, 1, 2, 0], similarities, 0.5) == 0
    assert fine_grained_rate([-1, -1, 2, -1], similarities, 0.5) == 0.75
    assert fine_grained_rate([-1, -1, 2, -1], similarities, 0.85) == 0


@pytest.mark.parametrize(("ladder", "similarities"), [([0, 1], [[0.5, 0.5]]), ([0], [0.5]), ([], [])])
def test_arrays_must_be_aligned(ladder, similarities):
    with pytest.raises(UsageError, match="Align the arrays"):
        mapped_answers(ladder, similarities, 0.5)
