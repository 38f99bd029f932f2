"""Figures of a comparison as a reader wants them: no more digits than the interval supports, currency, percent, signs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scenarios.comparison import Figure
from scenarios.numerals import number

_PERCENT = ("share", "ratio")


@dataclass(frozen=True)
class Cell:
    """One figure of a table: its value and, where there is one, its interval; `sure` = the interval leaves out 0."""

    value: str
    interval: str
    sure: bool


NOTHING = Cell("–", "", False)


def cell(figure: Figure | None, *, difference: bool = False, gain: bool = False) -> Cell:
    """A figure for a table. Differences and gains carry their sign; differences of shares are percentage points."""
    if figure is None or not math.isfinite(figure.value):
        return NOTHING
    scale = 100.0 if figure.unit in _PERCENT else 1.0
    mark = ("\u00a0pp" if difference else "\u00a0%") if figure.unit in _PERCENT else ""
    digits = digits_of(figure, scale)
    value = signed(figure.value * scale, digits) if difference or gain else rounded(figure.value * scale, digits)
    if figure.low is None or figure.high is None or not math.isfinite(figure.low) or figure.low == figure.high:
        return Cell(value + mark, "", difference and figure.low is not None and figure.value != 0)
    low, high = (rounded(v * scale, digits) for v in (figure.low, figure.high))
    return Cell(value + mark, f"{low} to {high}{mark}", difference and (figure.low > 0 or figure.high < 0))


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


def rounded(value: float, digits: int) -> str:
    """`value` to `digits` decimals, or to tens, hundreds where `digits` is negative."""
    return number(round(value, digits), max(0, digits))


def signed(value: float, digits: int) -> str:
    """The same, with a plus for a gain."""
    text = rounded(value, digits)
    return f"+{text}" if round(value, digits) > 0 else text


def in_units(unit: str, currency: str) -> str:
    """The unit of a measure as printed: money/member -> CNY a member; shares carry their own mark."""
    if unit in _PERCENT:
        return ""
    return unit.replace("money", currency).replace("/", " a ")


def listed(names: list[str]) -> str:
    """a; a and b; a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
