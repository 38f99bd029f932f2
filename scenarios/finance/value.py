"""What a discount has to bring: its break-even."""

from __future__ import annotations

from fractions import Fraction

from scenarios.finance.rounding import Number, exact
from sim.errors import InputError


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
