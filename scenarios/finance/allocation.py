"""What a sale defers for the points it earns, and when that becomes revenue.

IFRS 15 par. 74, 76-80 (allocation), B39-B42 (options that give a material right), B44-B46 (breakage) and example 52
(IE267-IE270); ASC 606-10-32-29, 32-31 to 32-34, 55-41 to 55-44 and 55-46 to 55-48, which say the same.
The transaction price is split between goods and points once, at inception, by stand-alone selling price. What the points got is
earned in proportion to the points redeemed of those expected ever to be redeemed, so that breakage is earned in the same
proportion. A changed expectation changes what has been earned so far, by a cumulative catch-up, and never the split.

Beside it stand the incremental-cost view (`cost_view`), which defers nothing, and points of a third party (`third_party`), as
agent or as principal.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, overload

import numpy as np

from scenarios.finance.rounding import Exact, Rule, divide


@overload
def to_points(price: int, goods: int, points: int | Fraction, rule: Rule = "half_up") -> int: ...
@overload
def to_points(price: Exact, goods: Exact, points: Exact, rule: Rule = "half_up") -> Exact: ...
def to_points(price: Any, goods: Any, points: Any, rule: Rule = "half_up") -> Any:
    """The part of a transaction price that the points get: price x points / (goods + points), rounded (IFRS 15 par. 76).

    price: consideration received; goods, points: stand-alone selling prices, all in minor units, 0 or more, numbers or object
    arrays of one shape; that of points is what they are worth when redeemed x the probability that they will be (B42). 0 where
    nothing was sold: points given without a sale are no part of a contract with a customer, and their cost is accrued instead.

    >>> to_points(10_000_000, 10_000_000, 10_000 * 100 * Fraction("0.95"))
    867580
    """
    both = goods + points
    if isinstance(both, np.ndarray):
        return divide(price * points, np.where(both == 0, 1, both), rule)
    return divide(price * points, both, rule) if both else 0


@overload
def earned_so_far(allocation: int, redeemed: int, expected: int | Fraction, rule: Rule = "half_up") -> int: ...
@overload
def earned_so_far(allocation: Exact, redeemed: Exact, expected: Exact, rule: Rule = "half_up") -> Exact: ...
def earned_so_far(allocation: Any, redeemed: Any, expected: Any, rule: Rule = "half_up") -> Any:
    """Revenue earned from inception: allocation x redeemed / expected ever to be redeemed, rounded (IFRS 15 B46, example 52).

    All of it where no redemption is expected at all. Arguments: numbers or object arrays of one shape; redeemed <= expected.
    """
    if isinstance(expected, np.ndarray):
        never = expected == 0
        return np.where(never, allocation, divide(allocation * redeemed, np.where(never, 1, expected), rule))
    return divide(allocation * redeemed, expected, rule) if expected else allocation
