"""A figure of several replications: its value, its interval, and how both are printed wherever they stand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from scenarios.numerals import NONE, as_stated, number, signed, significant
from scenarios.quantiles import by_cause, prediction_quantile
from sim.behaviour import Uncertain
from sim.effects import Parameter
from sim.typing import Floats

LEVEL = 0.90
"""Intervals of a comparison cover so much of what one run of the real world could bring."""
GAINS = (
    "incremental_net_margin", "roi", "incremental_purchases", "gain_from_attrition", "gain_from_frequency", "gain_from_basket",
)  # fmt: skip
"""Measures against the same members without a programme, printed with their sign."""
SIGNED = (*GAINS, "margin_per_member", "lifetime_value", "cost.partner_recoveries")
"""Measures that can be below 0; no other can."""
RISES = "tier_rise."
"""Beginning of the names of such gains, tier by tier"""
_PERCENT = ("share", "ratio")


@dataclass(frozen=True)
class Figure:
    """A figure with its 90 % interval; None where one replication shows no spread."""

    value: float
    low: float | None
    high: float | None
    unit: str
    luck_sd: float | None
    """spread from luck alone, every parameter at its mean"""
    parameter_sd: float | None
    """further spread from not knowing the parameters"""

    def as_dict(self) -> dict[str, Any]:
        """For summary.json; a figure that is not defined (0 / 0) is null."""
        return {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in self.__dict__.items()}


def figure(
    values: Floats, luck: Floats | None, unit: str, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> Figure:
    """Mean and 90 % interval for one further run (scenarios.quantiles).

    values: (replications,), luck and parameters together; luck: (fewer replications,), the first of them with the parameters at
    their means; bounds: what the figure cannot lie beyond. Replications in which the figure is not defined (0 / 0) are left out.
    """
    spreads = [float(sd) if np.isfinite(sd) else None for sd in by_cause(values, values[:0] if luck is None else luck)]
    values = values[np.isfinite(values)] if np.isfinite(values).any() else values
    mean = float(np.mean(values))
    if len(values) < 2:
        return Figure(mean, None, None, unit, None, None)
    tail = (1 - LEVEL) / 2
    low, high = (float(prediction_quantile(values, level, *bounds)) for level in (tail, 1 - tail))
    return Figure(mean, low, high, unit, *spreads)


def bounds_of(measure: str, unit: str) -> tuple[float, float]:
    """What a measure of one design, which is no difference of two, cannot lie beyond."""
    low = -math.inf if measure in SIGNED else -1.0 if measure.startswith(RISES) else 0.0
    return (low, 1.0 if unit == "share" else math.inf)


@dataclass(frozen=True)
class Cell:
    """A figure as printed: its value and, where there is one, its interval; `sure` = the interval leaves out 0."""

    value: str
    interval: str
    sure: bool


NOTHING = Cell(NONE, "", False)


def cell(figure: Figure | None, *, difference: bool = False, gain: bool = False) -> Cell:
    """How a figure is printed, in a table, a sentence or a drawing alike: with the digits that its interval supports. Differences
    and gains carry their sign; differences of shares are percentage points."""
    if figure is None or not math.isfinite(figure.value):
        return NOTHING
    scale = 100.0 if figure.unit in _PERCENT else 1.0
    mark = ("\u00a0pp" if difference else "\u00a0%") if figure.unit in _PERCENT else ""
    digits = digits_of(figure, scale)
    value = number(figure.value * scale, digits)
    text = (signed(value) if difference or gain else value) + mark
    if figure.low is None or figure.high is None or not math.isfinite(figure.low):
        return Cell(text, "", False)
    low, high = (number(v * scale, digits) for v in (figure.low, figure.high))
    sure = difference and (figure.low > 0 or figure.high < 0)
    return Cell(text, "" if low == value == high else f"{low} to {high}{mark}", sure)


def digits_of(figure: Figure, scale: float = 1.0) -> int:
    """Decimals that the interval supports: two digits of its half width, and three of the value at most.

    Negative = rounded to tens, hundreds. Where there is no interval, three digits of the value.
    """
    size = abs(figure.value * scale)
    three = 3 if size == 0 else 2 - math.floor(math.log10(size))
    if figure.low is not None and figure.high is not None and figure.high > figure.low:
        supported = 1 - math.floor(math.log10(scale * (figure.high - figure.low) / 2))
        return max(-3, min(3, supported, max(0, three)))
    return 0 if size == 0 else max(0, min(1 if scale > 1 else 2, three))


def drawn(stated: Uncertain, p: Parameter) -> str:
    """A parameter that is drawn anew in each replication: its mean and, in brackets, the values at the 10 % and the 90 % point,
    within its bounds; without brackets where it is taken as known."""
    if stated.sd == 0:
        return as_stated(stated.mean)
    spread = NormalDist().inv_cdf(0.9) * stated.sd
    low, high = (min(p.high, max(p.low, stated.mean + z)) for z in (-spread, spread))
    return f"{as_stated(stated.mean)} ({significant(low, 2)} to {significant(high, 2)})"
