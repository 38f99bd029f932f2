"""What a sale defers for the points it earns, and when that becomes revenue.

IFRS 15 par. 74-80 and B39-B47 and example 52 (IE267-IE270); ASC 606-10-32-31 to 32-34 and 55-41 to 55-49, which say the same.
The transaction price is split between goods and points once, at inception, by stand-alone selling price. What the points got is
earned in proportion to the points redeemed of those expected ever to be redeemed, so that breakage is earned in the same
proportion. A changed expectation changes what has been earned so far, by a cumulative catch-up, and never the split.

Beside it stand the incremental-cost view, for programmes whose points are no separate performance obligation, and points of a
third party, as agent or as principal.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, overload

import numpy as np

from scenarios.finance.rounding import Exact, Rule, divide
from sim.errors import InputError

Role = Literal["agent", "principal"]


@dataclass(frozen=True)
class PartnerPoints:
    """Points that a third party stands behind, minor units: what is shown as revenue, cost and liability so far."""

    revenue: int
    cost: int
    deferred: int
    """contract liability: consideration for what is not yet delivered"""
    owed_to_partner: int


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
    """Revenue earned from inception: allocation x redeemed / expected ever to be redeemed, rounded (IFRS 15 B44, B46, IE269).

    All of it where no redemption is expected at all. Arguments: numbers or object arrays of one shape; redeemed <= expected.
    """
    if isinstance(expected, np.ndarray):
        never = expected == 0
        return np.where(never, allocation, divide(allocation * redeemed, np.where(never, 1, expected), rule))
    return divide(allocation * redeemed, expected, rule) if expected else allocation


def partner_points(
    allocation: int, payable: int, role: Role, delivered: int | Fraction = 1, rule: Rule = "half_up"
) -> PartnerPoints:
    """Points of a third party: gross as principal, net as agent (IFRS 15 B34-B38; ASC 606-10-55-36 to 55-40).

    allocation: minor units allocated to the points; payable: what the third party is paid for them; delivered: share of the
    promise kept, 0 to 1: 1 at the sale where the member then has a claim on the third party alone, else redeemed / expected.
    A principal shows revenue and cost gross, both as delivered; revenue + deferred = allocation. An agent's revenue is what it
    keeps, as delivered, negative where it pays more than it got; the rest was collected for the third party;
    revenue + deferred + owed_to_partner = allocation. Raises InputError for another role or share.
    """
    if not 0 <= delivered <= 1:
        raise InputError(f"the share delivered is {float(delivered):g}; 0 to 1 is allowed")
    if role == "principal":
        revenue = divide(Fraction(allocation * delivered), 1, rule)
        cost = divide(Fraction(payable * delivered), 1, rule)
        return PartnerPoints(revenue, cost, allocation - revenue, cost)
    if role == "agent":
        kept = allocation - payable
        revenue = divide(Fraction(kept * delivered), 1, rule)
        return PartnerPoints(revenue, 0, kept - revenue, payable)
    raise InputError(f"a company's role for points of a third party is {role!r}; allowed: agent, principal")
