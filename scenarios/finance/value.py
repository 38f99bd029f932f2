"""What money is worth: break-even of a discount, present value of a stream."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from scenarios.finance.rounding import Number, exact
from sim.errors import InputError
from sim.typing import Floats


def break_even_uplift(margin: Number, discount: Number) -> Fraction:
    """Rise of sales units that a price cut needs to keep gross profit: margin / (margin - discount) - 1, exact.

    margin: gross margin before the cut, share of the list price; discount: share of the list price, given on every unit.
    Raises InputError where the discount is negative or takes the whole margin, which no volume makes up.
    Source: Nagle, Hogan, Zale (2016), break-even sales change.

    >>> [round(float(break_even_uplift("0.40", d)), 3) for d in ("0.05", "0.12", "0.20")]
    [0.143, 0.429, 1.0]
    """
    earns, gives = exact(margin), exact(discount)
    if not 0 <= gives < earns:
        raise InputError(
            f"a discount of {float(gives):.1%} on a margin of {float(earns):.1%} has no break-even; "
            "a discount of 0 or more and less than the margin is allowed"
        )
    return earns / (earns - gives) - 1


def present_value(flows: ArrayLike, annual_rate: float) -> Floats:
    """Monthly amounts discounted to the start of the first month: flow / (1 + rate)^(months / 12).

    flows: (..., months), in any unit of money, which the result (...) has too; a month's amount counts at its end. Raises
    InputError for a rate of -1 or less.
    """
    if not annual_rate > -1:
        raise InputError(f"the discount rate is {annual_rate:g} a year; more than -1 is allowed")
    amounts = np.asarray(flows, np.float64)
    months = np.arange(1.0, amounts.shape[-1] + 1)
    return np.asarray(amounts @ (1 + annual_rate) ** (-months / 12))
