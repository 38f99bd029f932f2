"""Monthly roll-forward of the points liability, exact to the minor unit, by earning cohort and tier.

    closing = opening + deferred - redemption - breakage + change_of_estimate - clawed_back

Rounding: an entry is posted for each cohort, tier and month as the difference of two rounded balances (rule: running balance,
see scenarios.finance.rounding). Rows by month, tier and in total are sums of posted entries, so they add up without any further
rounding. The allocation is rounded once, at inception; a balance of one cohort and tier is then within half a minor unit of the
exact one, and half more for each claw-back.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from scenarios.finance.allocation import earned_so_far, to_points
from scenarios.finance.points import PointsLedger, estimates_of
from scenarios.finance.rounding import Exact, Rule, divide, exact_array
from sim.errors import InputError
from sim.typing import Ints

Breakage = Literal["proportional", "remote"]
LINES = {
    "opening": 0, "deferred": 1, "redemption": -1, "breakage": -1, "change_of_estimate": 1, "clawed_back": -1, "closing": 0,
}  # fmt: skip
"""Name of each line in its order, and the sign with which it moves the balance"""


@dataclass(frozen=True)
class Contracts:
    """What was sold with the points, fixed at inception; each (cohorts,) or (cohorts, tiers), or one number for all."""

    sales: ArrayLike
    """transaction price, minor units"""
    value: Any
    """of a redeemed point, minor units; exact numbers (see scenarios.finance.rounding.exact)"""
    probability: Any
    """of redemption, as expected at inception"""
    goods: ArrayLike | None = None
    """stand-alone selling price of what was sold, minor units; default: the transaction price"""


@dataclass(frozen=True)
class Books:
    """Where a roll-forward stands at a month end; each (cohorts, tiers). The next one opens with it."""

    allocation: Exact
    """minor units of the inception allocation that are earned or still deferred, without what was clawed back"""
    earned: Exact
    """minor units"""
    expected: Exact
    """points expected ever to be redeemed"""


@dataclass(frozen=True)
class RollForward:
    """Lines in minor units, each (cohorts, months, tiers)."""

    opening: Ints
    deferred: Ints
    redemption: Ints
    """earned on redemption: points redeemed at the price allocated to one point"""
    breakage: Ints
    """earned on points not expected to be redeemed, in the same proportion"""
    change_of_estimate: Ints
    """catch-up; positive where the liability rises"""
    clawed_back: Ints
    """carrying amount of points taken back, which goes to the refund of the sale"""
    closing: Ints
    points: PointsLedger
    inception: Ints
    """(cohorts, tiers) the allocation to points, as fixed at the sale"""
    books: Books
    """at the last month end"""

    def by_tier(self) -> dict[str, Ints]:
        """Each line, (months, tiers)."""
        return {name: getattr(self, name).sum(axis=0) for name in LINES}

    def total(self) -> dict[str, Ints]:
        """Each line, (months,)."""
        return {name: values.sum(axis=1) for name, values in self.by_tier().items()}

    def table(self) -> pd.DataFrame:
        """month, tier (index, or "all"), and a column of minor units for each line; rows of a month add up to its "all"."""
        rows: list[dict[str, Any]] = []
        tiers, total = self.by_tier(), self.total()
        for month in range(self.points.months):
            for tier in range(self.inception.shape[1]):
                rows.append({"month": month, "tier": tier, **{name: int(tiers[name][month, tier]) for name in LINES}})
            rows.append({"month": month, "tier": "all", **{name: int(total[name][month]) for name in LINES}})
        return pd.DataFrame(rows)

    def differences(self) -> dict[str, int]:
        """Largest absolute difference of each identity, recomputed from the lines; every one must be 0."""
        moved = sum(sign * getattr(self, name) for name, sign in LINES.items())
        entered = (self.opening[:, 1:] - self.closing[:, :-1]) if self.points.months > 1 else np.zeros(1, np.int64)
        moves = self.points.movements()
        left = moves["opening"] + moves["issued"] - moves["redeemed"] - moves["expired"] - moves["clawed_back"]
        held = self.points.outstanding() > 0
        return {
            "opening + movements = closing": int(np.abs(self.opening + moved - self.closing).max()),
            "opening = closing of the month before": int(np.abs(entered).max(initial=0)),
            "points: opening + movements = closing": int(np.abs(left - moves["closing"]).max()),
            "no liability without points": int(np.abs(self.closing[~held]).max(initial=0)),
            "liability of no cohort negative": int((-self.closing).max(initial=0)),
        }


def roll_forward(
    points: PointsLedger,
    contracts: Contracts,
    expected: ArrayLike,
    *,
    breakage: Breakage = "proportional",
    rule: Rule = "half_up",
    opening: Books | None = None,
) -> RollForward:
    """Roll the liability forward month by month.

    expected: points expected ever to be redeemed, those redeemed included, as seen at each month end; (cohorts, months) or
    (cohorts, months, tiers), whole numbers or fractions, from redeemed to redeemed + outstanding; read from the month of earning
    on (scenarios.finance.points.expected_points makes it from rates). breakage: "proportional" earns it with redemption; "remote"
    earns it when points expire, for a company that does not expect to be entitled to it (IFRS 15 B46); `expected` is not read.
    opening: books at the end of the month before month 0; needed where a cohort was earned before it.

    Within a month: points are earned, then clawed back, then redeemed, then the expectation is revised. A claw-back takes the
    carrying amount per outstanding point; what has been earned stays. Raises InputError where the estimates do not fit the
    ledger, or amounts are not whole minor units.
    Source: as scenarios.finance.allocation; for the catch-up KPMG (2019), Revenue - IFRS 15 handbook, examples 10A and 10B. The
    order and the claw-back are this module's rule.
    """
    cohorts, months, tiers = points.redeemed.shape
    cell = (cohorts, tiers)
    redeemed = points.redeemed_so_far()
    outstanding = points.outstanding()
    if breakage == "remote":
        done = redeemed + points.before[1][:, None] + points.expired.cumsum(axis=1)
        ever: Exact = (done + outstanding).astype(object)
    elif breakage == "proportional":
        done, ever = redeemed, estimates_of(expected, points)
    else:
        raise InputError(f"breakage is {breakage!r}; allowed: proportional, remote")
    inception = _inception(points, contracts, rule)
    at_inception = exact_array(_columns(contracts.probability, cell), cell) if breakage == "proportional" else Fraction(1)
    at_inception = at_inception * points.issued.astype(object)

    if opening is None and (points.earned < 0).any():
        raise InputError("some cohorts were earned before the window: give the books that the roll-forward opens with")
    wrong = {np.shape(getattr(opening, part.name)) for part in fields(Books)} - {cell} if opening else set()
    if wrong:
        raise InputError(f"opening books have shape {wrong.pop()}; for this ledger it must be {cell}, 0 where nothing is held")
    books = opening or Books(*(np.full(cell, 0, dtype=object) for _ in fields(Books)))
    lines = {name: np.zeros((cohorts, months, tiers), np.int64) for name in LINES}
    standing = points.issued.astype(object) - points.before[2]
    held = np.where((points.earned < 0)[:, None], points.issued - points.before.sum(axis=0), 0).astype(object)
    so_far = points.before[0] + (points.before[1] if breakage == "remote" else 0)

    for month in range(months):
        new = (points.earned == month)[:, None]
        begun = (points.earned <= month)[:, None]
        deferred = np.where(new, inception, 0)
        allocation = books.allocation + deferred
        balance = allocation - books.earned
        estimate = np.where(new, at_inception, books.expected)
        held = np.where(new, points.issued.astype(object), held)

        taken = points.clawed_back[:, month].astype(object)
        kept = divide(balance * (held - taken), np.where(held == 0, 1, held), rule)
        kept = np.where(taken == 0, balance, kept)
        estimate = _without(estimate, so_far.astype(object), held, taken)
        allocation = books.earned + kept
        standing = standing - taken

        now = so_far + points.redeemed[:, month]
        on_redemption = _step(allocation, so_far, now, standing, rule)
        unchanged = _step(allocation, so_far, done[:, month], estimate, rule)
        unchanged = np.where(estimate == 0, on_redemption, unchanged)
        on_redemption = np.minimum(on_redemption, unchanged)
        earned = earned_so_far(allocation, done[:, month].astype(object), ever[:, month], rule)
        earned = np.where(begun, earned, 0)

        lines["opening"][:, month] = books.allocation - books.earned
        lines["deferred"][:, month] = deferred
        lines["clawed_back"][:, month] = balance - kept
        lines["redemption"][:, month] = on_redemption
        lines["breakage"][:, month] = unchanged - on_redemption
        lines["change_of_estimate"][:, month] = books.earned + unchanged - earned
        lines["closing"][:, month] = allocation - earned
        books = Books(allocation, earned, np.where(begun, ever[:, month], 0))
        held = outstanding[:, month].astype(object)
        so_far = np.where(begun, done[:, month], so_far)
    return RollForward(**lines, points=points, inception=inception.astype(np.int64), books=books)


def _inception(points: PointsLedger, contracts: Contracts, rule: Rule) -> Exact:
    """(cohorts, tiers) of sales allocated to points."""
    cell = points.issued.shape
    sales = _money("sales", contracts.sales, cell)
    goods = sales if contracts.goods is None else _money("stand-alone prices of goods", contracts.goods, cell)
    value, chance = (exact_array(_columns(given, cell), cell) for given in (contracts.value, contracts.probability))
    if (value < 0).any() or (chance < 0).any() or (chance > 1).any():
        raise InputError("the value of a point must be 0 or more, and its probability of redemption 0 to 1")
    return to_points(sales, goods, points.issued.astype(object) * value * chance, rule)


def _columns(given: Any, cell: tuple[int, ...]) -> Any:
    """A (cohorts,) array as a column, anything else as it is."""
    array = np.asarray(given, dtype=object)
    return array[:, None] if array.shape == cell[:1] else array


def _money(name: str, given: ArrayLike, cell: tuple[int, ...]) -> Exact:
    amounts = np.asarray(given)
    if amounts.dtype.kind not in "iu" or (amounts.size and amounts.min() < 0):
        raise InputError(f"{name} must be whole minor units of 0 or more")
    return np.array(np.broadcast_to(_columns(amounts, cell), cell), dtype=object)


def _step(allocation: Exact, before: Ints, now: Ints, of: Exact, rule: Rule) -> Exact:
    """Earned between two counts of points out of `of`: the difference of two rounded balances, so nothing drifts."""
    some = np.where(of == 0, 1, of)
    first, last = (divide(allocation * done.astype(object), some, rule) for done in (before, now))
    return np.asarray(last - first, dtype=object)


def _without(estimate: Exact, done: Exact, held: Exact, taken: Exact) -> Exact:
    """The estimate once points are clawed back: the chance of redemption of an outstanding point stays what it was."""
    if not (taken != 0).any():
        return estimate
    share = np.frompyfunc(lambda left, of: Fraction(left, of) if of else Fraction(1), 2, 1)(held - taken, held)
    return np.asarray(done + (estimate - done) * share, dtype=object)
