"""Where answers lean whatever the picture shows: to places in the list of labels, and to neutral."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from harness.claims import get_claim
from harness.claims.asks import Asks
from harness.errors import HarnessError
from harness.metrics import is_balanced, over_prediction, pick_sums
from harness.predictions.cell import NO_PROMPT
from harness.predictions.table import Predictions
from harness.prompts import Prompt
from harness.reporting.charts import Axis, axis
from harness.reporting.metric_table import Figure
from harness.reporting.text import plain
from harness.statistics import Estimate, bootstrap_sums, metric_intervals
from harness.suite.prompts import entry_of

_REPLICATES = 500


@dataclass(frozen=True)
class OrderChart:
    """How often each position of the list was picked, over all orders of one design.

    Attributes:
        shares: of the valid answers, one per position; they sum to 1.
        asks: number of questions, each about all images.
        balanced: whether each label stood at each position equally often, so that a model that does not care
            about positions picks each with the same chance.
    """

    model: str
    conditions: str
    shares: tuple[Figure, ...]
    asks: int
    n: int
    balanced: bool

    @property
    def chance(self) -> float:
        """The share of each position if it made no difference."""
        return 1 / len(self.shares)


@dataclass(frozen=True)
class NeutralAnswers:
    """How often a prompt was answered with neutral, and how many times as often as labels say neutral."""

    prompt: str
    share: Figure
    ratio: Figure


@dataclass(frozen=True)
class NeutralChart:
    """Neutral answers of all models to the same images.

    Attributes:
        name: the images: dataset, split, restoration and, where a prompt is about some labels only, these.
        labels: who labelled the images -> the share that they call neutral, those of the dataset first.
        models: model -> its prompts.
    """

    name: str
    labels: Mapping[str, float]
    models: Mapping[str, Sequence[NeutralAnswers]]


def order_charts(
    predictions: Sequence[Predictions], *, alpha: float = 0.05, seed: int = 0
) -> list[OrderChart]:
    """One chart per model, condition and design of label orders, as `label_order_bias` joins them.

    Intervals resample groups of images. A design that cannot be joined (another prompt of it failed, or its
    samples differ) has no chart.
    """
    contrast = get_claim("label_order_bias").contrast
    assert contrast is not None
    conditions: dict[tuple[str, str, str], list[tuple[Predictions, Prompt]]] = {}
    for one in predictions:
        if one.prompt is not None and one.prompt.labels == "shown":
            key = (one.cell.model, one.cell.source, one.cell.restoration)
            conditions.setdefault(key, []).append((one, one.prompt))
    charts = []
    for asked in conditions.values():
        prompts = [(one.cell.prompt, entry_of(one.cell.prompt), prompt) for one, prompt in asked]
        for test in contrast.arrange(prompts):
            sides = [asked[index][0] for index in test]
            try:
                charts.append(_order_chart(sides, alpha, seed))
            except (HarnessError, ValueError):
                continue
    return charts


def neutral_charts(
    predictions: Sequence[Predictions], *, alpha: float = 0.05, seed: int = 0
) -> list[NeutralChart]:
    """One chart per dataset, split, restoration and set of labels that holds neutral."""
    images: dict[tuple[str, str, tuple[str, ...]], list[Predictions]] = {}
    for one in predictions:
        subset = () if one.prompt is None else one.prompt.subset
        offered = subset or one.space.concepts
        if "neutral" in offered and "neutral" in one.space.concepts and not _is_six(one.prompt):
            images.setdefault((one.cell.source, one.cell.restoration, subset), []).append(one)
    return [
        _neutral_chart(_named(source, restoration, ", ".join(subset)), sides, alpha, seed)
        for (source, restoration, subset), sides in images.items()
    ]


def order_axis(charts: Sequence[OrderChart]) -> Axis:
    """The axis of all shares of positions; charts on one axis can be compared."""
    figures = [figure for chart in charts for figure in chart.shares]
    return axis([*(figure.value for figure in figures), *(figure.high for figure in figures)])


def neutral_axis(charts: Sequence[NeutralChart]) -> Axis:
    """The axis of all shares of neutral, of answers and of labels."""
    figures = [one.share for chart in charts for prompts in chart.models.values() for one in prompts]
    ends = [end for figure in figures for end in (figure.value, figure.low, figure.high)]
    return axis([*ends, *(share for chart in charts for share in chart.labels.values())])


def _order_chart(sides: Sequence[Predictions], alpha: float, seed: int) -> OrderChart:
    asks = Asks.of(sides)
    picks = pick_sums(asks.answers, asks.orders)[:, 1].sum(axis=1)
    cell, n = sides[0].cell, len(sides[0])
    shares = tuple(
        _figure(
            bootstrap_sums(
                picks,
                partial(_share, place=place),
                groups=sides[0].groups,
                replicates=_REPLICATES,
                alpha=alpha,
                seed=seed,
            ),
            n,
        )
        for place in range(picks.shape[1])
    )
    named = _named(cell.source, cell.restoration, entry_of(cell.prompt))
    return OrderChart(plain(cell.model), named, shares, len(asks.sides), n, is_balanced(asks.orders))


def _neutral_chart(name: str, sides: Sequence[Predictions], alpha: float, seed: int) -> NeutralChart:
    first = sides[0]
    neutral = first.space.concepts.index("neutral")
    label = first.space.labels[neutral]
    labels = {plain(first.cell.dataset): float((first.gold == neutral).mean())}
    if first.prompt is None or not first.prompt.subset:  # the shares of others are those of the whole split
        theirs = next((side.marginals for side in sides if side.marginals), {})
        labels |= {plain(who): shares[label] for who, shares in theirs.items() if label in shares}
    models: dict[str, list[NeutralAnswers]] = {}
    for side in sides:
        models.setdefault(plain(side.cell.model), []).append(_neutral_answers(side, neutral, alpha, seed))
    return NeutralChart(name, labels, models)


def _neutral_answers(side: Predictions, neutral: int, alpha: float, seed: int) -> NeutralAnswers:
    found = metric_intervals(
        side.gold,
        side.answers,
        len(side.space),
        {
            "share": lambda table: table[..., neutral].sum(axis=-1) / table.sum(axis=(-2, -1)),
            "ratio": lambda table: over_prediction(table, neutral),
        },
        groups=side.groups,
        replicates=_REPLICATES,
        alpha=alpha,
        seed=seed,
    )
    prompt = "" if side.cell.prompt == NO_PROMPT else plain(side.cell.prompt)
    return NeutralAnswers(prompt, *(_figure(found[name], len(side)) for name in ("share", "ratio")))


def _is_six(prompt: Prompt | None) -> bool:
    return prompt is not None and prompt.form == "six"


def _share(sums: NDArray[np.float64], place: int) -> NDArray[np.float64]:
    total = sums.sum(axis=-1)
    share: NDArray[np.float64] = sums[..., place] / np.where(total > 0, total, np.nan)
    return share


def _figure(found: Estimate, n: int) -> Figure:
    value, low, high = (None if np.isnan(end) else float(end) for end in (found.value, found.low, found.high))
    return Figure(value, low, high, n, "bootstrap")


def _named(source: str, restoration: str, rest: str) -> str:
    treatment = "" if restoration == "none" else f"restoration {restoration}"
    return ", ".join(plain(part) for part in (source, treatment, rest) if part)
