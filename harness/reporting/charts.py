"""Geometry of the charts in report.html, which its templates draw as inline SVG, themed by CSS."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

_MARGIN = 3.0  # percent of the width kept free at either end, so that marks and tick labels are not cut


@dataclass(frozen=True)
class Axis:
    """A horizontal axis from `low` to `high`; positions are percent of the drawing's width."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def at(self, value: float) -> float:
        """Where `value` lies, in percent of the width; values outside the axis lie on its ends."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(_MARGIN + (100 - 2 * _MARGIN) * share, 2)

    def share(self, value: float) -> float:
        """Where `value` lies between the ends of the axis, in percent."""
        return round(100 * (min(max(value, self.low), self.high) - self.low) / (self.high - self.low), 1)

    @property
    def step(self) -> float:
        """Distance of the ticks, in percent of the axis."""
        return round(100 / (len(self.ticks) - 1), 3)

    def is_zero(self, value: float) -> bool:
        """Whether a tick stands for zero; sums of steps may miss it by a rounding error."""
        return abs(value) < 1e-6 * (self.high - self.low)


def axis(values: Iterable[float | None], *, zero: bool = True, ticks: int = 5) -> Axis:
    """An axis with round ticks (1, 2 or 5 times a power of ten) around `values`; missing values are ignored.

    Args:
        values: What must fit.
        zero: Whether zero must be on it.
        ticks: About how many ticks; fewer than `ticks` + 2 are drawn.
    """
    found = [v for v in values if v is not None and math.isfinite(v)] + ([0.0] if zero else [])
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.05, high + 0.05
    raw = (high - low) / ticks
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    marks = tuple((i * step, f"{i * step:.{places}f}") for i in range(first, last + 1))
    return Axis(first * step, last * step, marks)


UNIT = Axis(0.0, 1.0, tuple((i / 5, f"{i / 5:.1f}") for i in range(6)))
"""The axis of a proportion."""
