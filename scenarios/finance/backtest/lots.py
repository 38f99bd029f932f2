"""Points of single members month by month, oldest spent first: what is issued, redeemed, lapsed and still open."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from scenarios.finance.backtest.activity import Activity, month_number
from scenarios.finance.triangle import Triangle, triangle
from sim.programme import Expiry
from sim.typing import Array, Floats, Ints


@dataclass(frozen=True)
class Points:
    """The points of all members over the months of an activity table."""

    held: Ints
    """(people,) before the first month"""
    lots: Ints
    """(people, 1 + months) open at the end of the last month by month of earning; column 0: held before the first"""
    issued: Ints
    """(months,)"""
    expired: Ints
    """(months,)"""
    redeemed: Ints
    """(1 + months, months) by month of earning and month"""
    uncovered: Ints
    """(months,) redeemed beyond what a member is known to have had"""

    @property
    def months(self) -> int:
        """Months of the table."""
        return len(self.issued)

    @property
    def outstanding(self) -> Ints:
        """(months,) at month end; what was redeemed uncovered counts as owed back."""
        gone = self.redeemed.sum(axis=0) + self.uncovered + self.expired
        return np.asarray(int(self.held.sum()) + (self.issued - gone).cumsum(), np.int64)

    def triangle(self) -> Triangle:
        """Redemption by month of earning, without what was held before the first month, whose early ages are not known."""
        rows = [self.redeemed[1 + c, c:].cumsum() for c in range(self.months) if self.issued[c] > 0]
        return triangle([row.tolist() for row in rows], [float(x) for x in self.issued if x > 0])


def points_of(a: Activity, held: Ints, expiry: Expiry) -> Points:
    """Follow every member's points through the table.

    held: (people,) before the first month, of the members of `a` and, after them, of others who had points. Lapse is worked out
    by the programme's rule, inactivity at month ends.
    """
    n, months = len(held), a.months
    lots = np.zeros((n, 1 + months), np.int64)
    lots[:, 0] = held
    issued, expired, uncovered = (np.zeros(months, np.int64) for _ in range(3))
    redeemed = np.zeros((1 + months, months), np.int64)
    last = np.full(n, -np.inf)
    month = a.month
    for m in range(months):
        rows = np.flatnonzero(month == m)
        who = a.member[rows]
        np.add.at(lots[:, 1 + m], who, a.earned[rows])
        issued[m] = a.earned[rows].sum()
        asked = np.bincount(who, weights=a.redeemed[rows], minlength=n).astype(np.int64)
        taken = _oldest_first(lots, asked)
        lots -= taken
        redeemed[:, m] = taken.sum(axis=0)
        uncovered[m] = asked.sum() - taken.sum()
        bought = rows[a.purchases[rows] > 0]
        np.maximum.at(last, a.member[bought], a.day[bought])
        gone = _lapsed(lots, m, a.start, last, expiry)
        lots -= gone
        expired[m] = gone.sum()
    return Points(held, lots, issued, expired, redeemed, uncovered)


def shortfall(a: Activity) -> Ints:
    """(members,) points that a member must have held before the first month, or redemptions would exceed what was earned."""
    n, months = len(a.who), a.months
    inside = a.month < months
    flow = np.zeros((n, months), np.int64)
    np.add.at(flow, (a.member[inside], a.month[inside]), (a.earned - a.redeemed)[inside])
    return np.asarray(np.maximum(0, -flow.cumsum(axis=1).min(axis=1, initial=0)), np.int64)


def _oldest_first(lots: Ints, asked: Ints) -> Ints:
    before = lots.cumsum(axis=1) - lots
    return np.asarray(np.clip(asked[:, None] - before, 0, lots), np.int64)


def _lapsed(lots: Ints, month: int, start: dt.date, last: Floats, expiry: Expiry) -> Ints:
    """Points that lapse at the end of a month."""
    earned = np.arange(lots.shape[1]) - 1
    if expiry.rule in ("rolling", "fixed_date"):
        due = expiry.next_lapse(earned + expiry.months, start.month)
        return np.where(due <= month, lots, 0)
    if expiry.rule == "inactivity":
        end = (np.datetime64("1970-01", "M") + month_number(start) + month + 1).astype("datetime64[D]").astype(np.int64)
        silent: Array = np.isfinite(last) & (end - last >= 30 * expiry.months)
        return np.where(silent[:, None], lots, 0)
    return np.zeros_like(lots)
