"""Numbers and lists as every reader sees them: one way to set off thousands, to sign, to round to what is known."""

from __future__ import annotations

import math
from collections.abc import Iterable

MINUS = "\N{MINUS SIGN}"
NONE = "–"
"""stands where a figure is not defined"""


def integer(value: float) -> str:
    """`value` rounded to a whole number, thousands set off by commas, as in every sentence."""
    return number(value, 0)


def number(value: float, digits: int = 1) -> str:
    """`value` with `digits` decimals, thousands set off by commas; to tens, hundreds where `digits` is negative."""
    return _missing(value) or _typeset(f"{round(value, digits) if digits < 0 else value:,.{max(0, digits)}f}")


def significant(value: float, digits: int = 3) -> str:
    """`value` to `digits` significant figures, without an exponent: for parameters of unlike size."""
    missing = _missing(value)
    if missing or value == 0:
        return missing or "0"
    exponent = int(f"{abs(value):.{digits - 1}e}".partition("e")[2])  # of the rounded value: 0.9999 is 1.00
    return number(value, max(0, digits - 1 - exponent))


def as_stated(value: float) -> str:
    """A number as its author wrote it: 10, 0.02."""
    return _missing(value) or _typeset(f"{value:,.12g}")


def money(value: float, currency: str = "", digits: int | None = None) -> str:
    """An amount: whole units from 1,000 up, two decimals below (or `digits`), the currency after it."""
    if missing := _missing(value):
        return missing
    text = number(value, (0 if abs(value) >= 1000 else 2) if digits is None else digits)
    return f"{text}\u00a0{currency}" if currency else text


def percent(value: float, digits: int = 1) -> str:
    """A share or relative change as a percentage: .1234 -> 12.3 %."""
    return _missing(value) or number(100 * value, digits) + "\u00a0%"


def signed(text: str) -> str:
    """A printed number with its sign: a plus before one above 0; 0 and what is not defined have none."""
    return f"+{text}" if text[0].isdigit() and text.strip("0.,\u00a0% ") else text


def listed(names: Iterable[str], word: str = "and") -> str:
    """a; a and b; a, b and c; or another word before the last."""
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def _missing(value: float | None) -> str:
    return NONE if value is None or not math.isfinite(value) else ""


def _typeset(text: str) -> str:
    return (text if text.strip("-0.,") else text.lstrip("-")).replace("-", MINUS)
