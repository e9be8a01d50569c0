import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.reporting.charts import UNIT, axis
from harness.reporting.html import breakable, families, typeset
from harness.reporting.verdicts import verdict_rows

finite = st.floats(-1e4, 1e4).map(lambda value: round(value, 6))


@given(st.lists(finite, min_size=1, max_size=9), st.booleans())
def test_an_axis_holds_its_values_in_order_on_few_round_ticks(values: list[float], zero: bool) -> None:
    drawn = axis(values, zero=zero)
    hair = 1e-6 * (drawn.high - drawn.low)
    assert drawn.low - hair <= min(values)
    assert drawn.high + hair >= max(values)
    assert 2 <= len(drawn.ticks) <= 8
    assert all(0 <= drawn.at(value) <= 100 for value in values)
    positions = [drawn.at(value) for value in sorted(values)]
    assert positions == sorted(positions)
    assert any(drawn.is_zero(tick) for tick, _ in drawn.ticks) or not zero


@given(st.lists(finite, min_size=2, max_size=9))
def test_tick_labels_say_their_value(values: list[float]) -> None:
    assume(max(values) - min(values) > 1e-3)
    for tick, label in axis(values, zero=False).ticks:
        assert float(label) == pytest.approx(tick, abs=1e-9)


def test_an_axis_of_nothing_is_still_an_axis() -> None:
    assert axis([None, math.nan]).at(0.0) > 0
    assert axis([], zero=False).low < axis([], zero=False).high


def test_values_beyond_the_axis_stay_on_the_drawing() -> None:
    assert UNIT.at(7) == UNIT.at(1) > UNIT.at(0) == UNIT.at(-7)


def test_claims_on_the_same_effect_share_an_axis_and_others_do_not(claims: list) -> None:
    rows = verdict_rows([*claims, {**claims[0], "claim": "another_claim"}])
    cnn, order, collapse, another = families(rows)
    assert cnn.axis == another.axis
    assert cnn.axis != order.axis
    assert sum(len(family.rows) for family in (cnn, order, collapse, another)) == 21


def test_minus_signs_are_set_in_numbers_only() -> None:
    assert typeset("-0.05 [-0.07, -0.03] of vit-b-32 at 1e-5") == "−0.05 [−0.07, −0.03] of vit-b-32 at 1e-5"


def test_breaks_are_offered_and_markup_is_not() -> None:
    assert str(breakable("a:b/<c>@d")) == "a:<wbr>b/<wbr>&lt;c&gt;@<wbr>d"
