"""Currency rounding: one stated rule, applied to exact numbers, with rows that add up to their total.

Money is a whole number of minor units (cents). Everything before the rounding is exact: integers or fractions, never binary
floating point. Rows are made to add up in one of two ways: by largest remainder, where a total is split into rows at one date,
or by running balance, where a balance moves from date to date and each entry is the difference of two rounded balances, so that
rounding never drifts.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from sim.errors import InputError

Rule = Literal["half_up", "half_even"]
Exact = npt.NDArray[np.object_]
"""Array of Python integers or fractions"""
Number = int | Fraction | Decimal | str | float

RULES: dict[str, str] = {
    "half_up": "to the nearest minor unit, halves away from zero, as spreadsheets and commercial practice do",
    "half_even": "to the nearest minor unit, halves to the even one",
}


def exact(number: Number) -> Fraction:
    """The fraction that a number states; a float counts as the decimal that it prints, so 0.1 is a tenth.

    Raises InputError for text that is no number, and for infinite or missing numbers.
    """
    try:
        if isinstance(number, (bool, np.bool_)):
            raise ValueError
        if isinstance(number, (float, np.floating)):
            return Fraction(repr(float(number)))
        return Fraction(int(number) if isinstance(number, np.integer) else number)
    except (ValueError, OverflowError, TypeError, ZeroDivisionError) as wrong:
        raise InputError(f"{number!r} is not a number; an amount or a rate is written like 12.50, 0.95 or 19/20") from wrong


def exact_array(numbers: Any, shape: tuple[int, ...]) -> Exact:
    """Numbers of any of the kinds that `exact` reads, as fractions, broadcast to `shape`."""
    given = np.asarray(numbers, dtype=object)
    read = np.frompyfunc(exact, 1, 1)(given)
    return np.array(np.broadcast_to(np.asarray(read, dtype=object), shape), dtype=object)


@overload
def divide(top: int | Fraction, below: int | Fraction, rule: Rule = "half_up") -> int: ...
@overload
def divide(top: Exact, below: Exact | int | Fraction, rule: Rule = "half_up") -> Exact: ...
def divide(top: Any, below: Any, rule: Rule = "half_up") -> Any:
    """The integer nearest to top / below, exactly; halves by `rule` (RULES).

    top, below: integers, fractions or object arrays of them that broadcast; below > 0. Raises InputError for an unknown rule.
    """
    if rule == "half_up":
        size = (2 * abs(top) + below) // (2 * below)
        return _where(top < 0, -size, size)
    if rule == "half_even":
        up = (2 * top + below) // (2 * below)
        tie = (2 * top + below) % (2 * below) == 0
        return up - _where(tie, up % 2, 0 * up)
    raise InputError(f"rounding rule {rule!r} is not known; allowed: {', '.join(RULES)}")


def minor_units(amount: Number, digits: int = 2, rule: Rule = "half_up") -> int:
    """An amount of currency in whole minor units: 12.345 with 2 digits is 1235 under half_up."""
    return divide(Fraction(exact(amount) * 10**digits), 1, rule)


def largest_remainder(rows: Sequence[int | Fraction], total: int | None = None, rule: Rule = "half_up") -> list[int]:
    """Rows rounded so that they add up to the rounded total (Hamilton's method): each row is cut to the integer below, and what
    is left goes, one by one, to the rows that lost most, earlier rows first among equals. No row is off by 1 or more.

    total: what they shall add up to, default the sum rounded by `rule`. Raises InputError where no such rounding exists.
    """
    floors = [int(row // 1) for row in rows]
    target = divide(Fraction(sum(rows)), 1, rule) if total is None else total
    left = target - sum(floors)
    lost = [row - low for row, low in zip(rows, floors, strict=True)]
    by_loss = sorted((i for i in range(len(rows)) if lost[i] > 0), key=lambda i: (-lost[i], i))
    if not 0 <= left <= len(by_loss):
        raise InputError(
            f"{len(rows)} rows cannot be rounded to a total of {target}: "
            f"with every row within 1, it lies from {sum(floors)} to {sum(floors) + len(by_loss)}"
        )
    for i in by_loss[:left]:
        floors[i] += 1
    return floors


def _where(condition: Any, yes: Any, no: Any) -> Any:
    if isinstance(condition, (bool, np.bool_)):
        return yes if condition else no
    return np.where(condition.astype(bool), yes, no)
