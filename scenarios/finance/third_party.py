"""Points that a third party stands behind, month by month, for a company that is agent or principal."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from scenarios.finance.allocation import PartnerPoints, Role, partner_points
from scenarios.finance.roll_forward import RollForward
from scenarios.finance.rounding import Number, divide, exact
from sim.errors import InputError
from sim.typing import Ints

LINES = ("revenue", "cost", "deferred", "owed_to_partner")


@dataclass(frozen=True)
class ThirdParty:
    """Minor units so far at each month end, points earned within the window alone; each (months,)."""

    role: Role
    payable: Fraction
    """minor units that the third party is paid for a point"""
    allocated: Ints
    """of sales to points, so far, less what was clawed back"""
    revenue: Ints
    cost: Ints
    deferred: Ints
    owed_to_partner: Ints
    """so far, whether paid by now or not"""

    def differences(self) -> int:
        """Largest difference of what was allocated and where it is shown; 0."""
        rest = self.owed_to_partner if self.role == "agent" else 0
        return int(np.abs(self.revenue + self.deferred + rest - self.allocated).max(initial=0))


def third_party(roll: RollForward, expected: Ints, payable: Number, role: Role) -> ThirdParty:
    """The points of a roll-forward, as those of a third party.

    expected: points expected ever to be redeemed at each month end, (cohorts, months, tiers); payable: minor units a point, when
    it is issued as agent, when it is redeemed as principal. An agent has kept its promise at the sale: from then on the member's
    claim is on the third party. A principal keeps it as points are redeemed, in proportion to those expected to be.
    Raises InputError for a negative price or another role. Source: see partner_points.
    """
    price = exact(payable)
    if price < 0:
        raise InputError(f"the third party is paid {float(price):g} minor units a point; 0 or more is allowed")
    points = roll.points
    redeemed = points.redeemed_so_far()
    standing = points.issued[:, None] - points.clawed_back.cumsum(axis=1)
    found = {name: np.zeros(points.months, np.int64) for name in ("allocated", *LINES)}
    for c, k in np.argwhere((points.earned >= 0)[:, None] & (points.issued > 0)):
        for month in range(int(points.earned[c]), points.months):
            ever, done, left = (int(values[c, month, k]) for values in (expected, redeemed, standing))
            allocation = divide(int(roll.inception[c, k]) * left, int(points.issued[c, k]))
            paid_for = left if role == "agent" else ever
            delivered = 1 if role == "agent" or not ever else Fraction(done, ever)
            shown: PartnerPoints = partner_points(allocation, divide(price * paid_for, 1), role, delivered)
            found["allocated"][month] += allocation
            for name in LINES:
                found[name][month] += getattr(shown, name)
    return ThirdParty(role, price, **found)
