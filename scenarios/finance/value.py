"""What a stream of money is worth: lifetime value, break-even of a discount, present value."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from scenarios.finance.rounding import Number, exact
from sim.errors import InputError
from sim.typing import Floats


def lifetime_value(margin: float, retention: float, discount_rate: float) -> float:
    """Expected discounted margin of a customer after the present period: m r / (1 + i - r).

    margin: currency units a period; retention: probability of staying from one period to the next, constant; discount_rate: a
    period. Raises InputError where retention is outside 0 to 1, or the sum does not converge.
    Source: Gupta, Lehmann (2003), the margin multiple: the first margin comes a period from now, if the customer stayed.

    >>> round(lifetime_value(100, 0.8, 0.1), 2)
    266.67
    """
    if not 0 <= retention <= 1:
        raise InputError(f"retention is {retention:g}; 0 to 1 a period is allowed")
    if not discount_rate > retention - 1:
        raise InputError(f"with retention {retention:g} and a discount rate of {discount_rate:g} a lifetime has no finite value")
    return margin * retention / (1 + discount_rate - retention)


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


def present_value(flows: ArrayLike, annual_rate: float, *, at_end: bool = True) -> Floats:
    """Monthly amounts discounted to the start of the first month: flow / (1 + rate)^(months / 12).

    flows: (..., months), in any unit of money, which the result (...) has too. at_end: a month's amount counts at its end, else
    at its middle. Raises InputError for a rate of -1 or less.
    """
    if not annual_rate > -1:
        raise InputError(f"the discount rate is {annual_rate:g} a year; more than -1 is allowed")
    amounts = np.asarray(flows, np.float64)
    months = np.arange(amounts.shape[-1]) + (1.0 if at_end else 0.5)
    return np.asarray(amounts @ (1 + annual_rate) ** (-months / 12))
