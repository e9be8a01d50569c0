"""The charts of positions and of neutral answers, on respondents with planted defects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from fixtures.controls import Respondent
from harness.labels import label_space
from harness.predictions import Predictions
from harness.prompts import Prompt
from harness.reporting.leanings import neutral_axis, neutral_charts, order_axis, order_charts

SPACE = label_space("fer2013")
NEUTRAL = SPACE.labels.index("neutral")
ORDERS = {f"orders.{i:02d}": Prompt(order=f"williams-7.{i}", mode="score") for i in range(1, 15)}
GOLD = np.random.default_rng(0).integers(0, 7, 800)


def answers(
    respondent: Respondent, prompts: Mapping[str, Prompt], gold: np.ndarray = GOLD, **more: object
) -> list[Predictions]:
    """What a respondent says to each prompt."""
    asked = {name: respondent.answer(prompt, gold, SPACE, **more) for name, prompt in prompts.items()}
    return [replace(one, cell=replace(one.cell, prompt=name)) for name, one in asked.items()]


def test_the_planted_liking_for_the_first_place_is_what_the_chart_shows() -> None:
    biased = Respondent(accuracy=0.6, order_bias=0.3, name="biased")
    (chart,) = order_charts(answers(biased, ORDERS))
    first, *others = chart.shares
    assert (chart.model, chart.asks, chart.n, chart.balanced) == ("biased", 14, 800, True)
    assert chart.conditions == "control:test, orders"
    assert first.low < 0.3 + 0.7 / 7 < first.high
    assert first.low > chart.chance == 1 / 7
    assert all(other.high < chart.chance for other in others)
    assert sum(share.value for share in chart.shares) == pytest.approx(1)
    assert order_axis([chart]).high >= first.high


def test_whoever_minds_no_order_picks_each_place_equally_often() -> None:
    (chart,) = order_charts(answers(Respondent(accuracy=0.4, neutral_attraction=0.5), ORDERS))
    assert [share.value for share in chart.shares] == pytest.approx([1 / 7] * 7)


def test_each_design_model_and_condition_has_its_chart() -> None:
    designs = ORDERS | {f"sentiment.{i}": Prompt(order=f"sentiment.{i}") for i in range(1, 5)}
    both = [*answers(Respondent(name="a"), designs), *answers(Respondent(name="b"), ORDERS)]
    restored = [replace(one, cell=replace(one.cell, restoration="gfpgan")) for one in both[:14]]
    charts = order_charts([*both, *restored])
    assert [(chart.model, chart.conditions) for chart in charts] == [
        ("a", "control:test, orders"),
        ("a", "control:test, sentiment"),
        ("b", "control:test, orders"),
        ("a", "control:test, restoration gfpgan, orders"),
    ]
    assert [chart.balanced for chart in charts] == [True, False, True, True]


def test_one_order_alone_or_orders_of_other_samples_make_no_chart() -> None:
    sides = answers(Respondent(), dict(list(ORDERS.items())[:2]))
    assert order_charts(sides[:1]) == []
    assert order_charts([sides[0], sides[1].subset(GOLD > 0)]) == []


def test_neutral_shares_are_counted_over_all_samples() -> None:
    collapsed = Respondent(accuracy=0.5, neutral_attraction=0.4, refusal_rate=0.1, name="collapsed")
    asked = {"plain": Prompt(), "json": Prompt(answer="json"), "six": Prompt(form="six")}
    sides = answers(collapsed, asked, marginals={"ferplus": {"neutral": 0.37}})
    (chart,) = neutral_charts(sides)
    assert chart.name == "control:test"
    assert chart.labels == {"control": pytest.approx((GOLD == NEUTRAL).mean()), "ferplus": 0.37}
    ((model, prompts),) = chart.models.items()
    assert (model, [one.prompt for one in prompts]) == ("collapsed", ["plain", "json"])
    for one, side in zip(prompts, sides, strict=False):
        share = (side.answers == NEUTRAL).sum() / 800
        assert one.share.value == pytest.approx(share)
        assert one.share.low < share < one.share.high
        assert one.ratio.value == pytest.approx(share / (GOLD == NEUTRAL).mean())
    axis = neutral_axis([chart])
    assert axis.low <= 0.37 <= axis.high


def test_prompts_about_some_labels_are_apart_and_those_without_neutral_absent() -> None:
    four = Prompt(subset=("anger", "happiness", "sadness", "neutral"))
    three = Prompt(subset=("anger", "happiness", "sadness"))
    kept = np.isin(GOLD, [SPACE.concepts.index(concept) for concept in four.subset])
    sides = answers(
        Respondent(), {"four": four, "three": three}, GOLD[kept], marginals={"x": {"neutral": 0.4}}
    )
    charts = neutral_charts([*answers(Respondent(), {"plain": Prompt()}), *sides])
    assert [chart.name for chart in charts] == [
        "control:test",
        "control:test, anger, happiness, sadness, neutral",
    ]
    assert list(charts[1].labels) == ["control"]
    assert charts[1].labels["control"] == pytest.approx((GOLD[kept] == NEUTRAL).mean())


def test_a_space_without_neutral_has_no_chart() -> None:
    mikels = label_space("mikels8")
    said = Respondent().answer(Prompt(), np.arange(40) % 8, mikels)
    assert neutral_charts([said]) == []
