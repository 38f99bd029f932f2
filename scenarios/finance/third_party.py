"""Points that a third party stands behind, month by month, for a company that is agent or principal.

A principal's points are as its own: it shows revenue as they are redeemed, and beside it in full what the third party is paid for
each. An agent has kept its promise at the sale, for from then on the claim of the member is on the third party: it shows what it
keeps of the allocation (negative where it pays more than it got), owes the rest, and defers nothing.
Source: IFRS 15 B34-B38; ASC 606-10-55-36 to 55-40.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from scenarios.finance.roll_forward import RollForward
from scenarios.finance.rounding import Number, divide, exact
from sim.errors import InputError
from sim.typing import Ints

Role = Literal["agent", "principal"]


@dataclass(frozen=True)
class ThirdParty:
    """Minor units so far at each month end; each (months,)."""

    role: Role
    payable: Fraction
    """minor units that the third party is paid for a point"""
    points: Ints
    """for which it is to be paid so far: issued and not clawed back (agent), redeemed (principal)"""
    allocated: Ints
    """to points, less what was clawed back: of sales of the window (agent), with what was deferred before it (principal)"""
    revenue: Ints
    cost: Ints
    deferred: Ints
    """contract liability: consideration for what is not yet delivered"""
    owed_to_partner: Ints
    """so far, whether paid by now or not"""

    def differences(self) -> int:
        """Largest difference of what was allocated and where it is shown; 0."""
        rest = self.owed_to_partner if self.role == "agent" else 0
        return int(np.abs(self.revenue + self.deferred + rest - self.allocated).max(initial=0))


def third_party(roll: RollForward, payable: Number, role: Role) -> ThirdParty:
    """The points of a roll-forward, as those of a third party.

    payable: minor units a point, when it is issued as agent, when it is redeemed as principal; what is due so far is rounded.
    An agent owed for points from before the window when they were issued: they are not in its amounts.
    Raises InputError for a negative price or another role.
    """
    price = exact(payable)
    if price < 0:
        raise InputError(f"the third party is paid {float(price):g} minor units a point; 0 or more is allowed")
    points = roll.points
    if role == "principal":
        redeemed = points.redeemed.sum(axis=(0, 2)).cumsum()
        cost = _paid(redeemed, price)
        lines = roll.total()
        revenue = (lines["redemption"] + lines["breakage"] - lines["change_of_estimate"]).cumsum()
        allocated = lines["opening"][0] + (lines["deferred"] - lines["clawed_back"]).cumsum()
        return ThirdParty(role, price, redeemed, allocated, revenue, cost, lines["closing"], cost)
    if role == "agent":
        begun = (points.earned[:, None] >= 0) & (points.earned[:, None] <= np.arange(points.months))
        left = np.where(begun[:, :, None], points.issued[:, None] - points.clawed_back.cumsum(axis=1), 0)
        each = divide(roll.inception[:, None].astype(object) * left, np.maximum(points.issued, 1)[:, None].astype(object))
        issued, allocated = left.sum(axis=(0, 2)), each.sum(axis=(0, 2)).astype(np.int64)
        due, nothing = _paid(issued, price), np.zeros_like(allocated)
        return ThirdParty(role, price, issued, allocated, allocated - due, nothing, nothing, due)
    raise InputError(f"a company's role for points of a third party is {role!r}; allowed: agent, principal")


def _paid(points: Ints, price: Fraction) -> Ints:
    """(months,) minor units for so many points."""
    return np.asarray(divide(points.astype(object) * price, 1), np.int64)
