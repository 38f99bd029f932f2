"""The incremental-cost view: what the points still expected to be redeemed will cost, month by month, beside deferred revenue.

    closing = opening + accrued - used + change_of_estimate - clawed_back

Measured as a provision is (IAS 37): the best estimate of what settling it costs, reviewed at each close. It is for management:
where points give a material right revenue is deferred (IFRS 15 B40), and an offer that gives none is booked when used (B41).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scenarios.finance.points import PointsLedger, estimates_of
from scenarios.finance.rounding import Exact, Rule, divide, exact_array
from sim.typing import Ints

LINES = {"opening": 0, "accrued": 1, "used": -1, "change_of_estimate": 1, "clawed_back": -1, "closing": 0}


@dataclass(frozen=True)
class CostView:
    """Lines in minor units, each (cohorts, months, tiers); a provision, where RollForward is a contract liability."""

    opening: Ints
    accrued: Ints
    """on earning: cost x points expected to be redeemed at inception"""
    used: Ints
    """cost of the points redeemed"""
    change_of_estimate: Ints
    clawed_back: Ints
    """cost of the points taken back that were expected to be redeemed"""
    closing: Ints
    to_come: Exact
    """(months,) points still expected to be redeemed at month end"""
    cost_per_point: Exact
    """(months,) minor units"""

    def total(self) -> dict[str, Ints]:
        """Each line, (months,)."""
        return {name: getattr(self, name).sum(axis=(0, 2)) for name in LINES}


def cost_view(
    points: PointsLedger, cost_per_point: Any, probability: Any, expected: ArrayLike, *, rule: Rule = "half_up"
) -> CostView:
    """Roll the accrued cost forward month by month.

    cost_per_point: minor units that redeeming a point costs, one exact number or (months,), a changed cost being a change of
    estimate; probability: of redemption at inception, of cohorts earned before the window that of what they have open then;
    one number, (cohorts,) or (cohorts, tiers); expected: as roll_forward takes it.
    Entries are differences of rounded running balances. Points given without a sale, which defer no revenue, are accrued here.
    Raises InputError where the estimates do not fit the ledger.
    """
    cohorts, months, tiers = points.redeemed.shape
    chances = np.asarray(probability, dtype=object)
    chance = exact_array(chances[:, None] if chances.shape == (cohorts,) else chances, (cohorts, tiers))
    prices = exact_array(cost_per_point, (months,))
    ever, outstanding, redeemed = estimates_of(expected, points), points.outstanding(), points.redeemed_so_far()
    lines = {name: np.zeros((cohorts, months, tiers), np.int64) for name in LINES}
    before = (points.earned < 0)[:, None]
    held = np.where(before, points.issued - points.before.sum(axis=0), 0).astype(object)
    to_come: Exact = held * chance
    provision = divide(to_come * prices[0], 1, rule)
    expected_then: Exact = np.full(months, 0, dtype=object)
    for month in range(months):
        new = (points.earned == month)[:, None]
        begun = (points.earned <= month)[:, None]
        price = prices[month]
        to_come = np.where(new, points.issued.astype(object) * chance, to_come)
        accrued = np.where(new, divide(to_come * price, 1, rule), 0)
        held = np.where(new, points.issued.astype(object), held)
        taken = points.clawed_back[:, month].astype(object)
        balance = provision + accrued
        kept = divide(balance * (held - taken), np.where(held == 0, 1, held), rule)
        kept = np.where(taken == 0, balance, kept)
        used = divide(points.redeemed[:, month].astype(object) * price, 1, rule)
        to_come = np.where(begun, ever[:, month] - redeemed[:, month], 0)
        closing = divide(to_come * price, 1, rule)
        lines["opening"][:, month] = provision
        lines["accrued"][:, month] = accrued
        lines["used"][:, month] = used
        lines["clawed_back"][:, month] = balance - kept
        lines["change_of_estimate"][:, month] = closing - kept + used
        lines["closing"][:, month] = closing
        provision, held = closing, outstanding[:, month].astype(object)
        expected_then[month] = to_come.sum()
    return CostView(**lines, to_come=expected_then, cost_per_point=prices)
