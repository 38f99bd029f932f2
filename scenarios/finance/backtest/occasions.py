"""Single purchases with what the member then stood at: balance, way to the next reward, tier, own record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenarios.finance.backtest.activity import Activity
from sim.typing import Array, Floats, Ints


@dataclass(frozen=True)
class Occasions:
    """Purchases in order of member and time; balances as if points never lapsed."""

    row: Ints
    """(occasions,) row of the activity table"""
    member: Ints
    before: Ints
    """points when redeeming is decided, those of this purchase included"""
    after: Ints
    """points after it"""
    tier: Ints
    """after it; the first tier where not known"""
    decided_in: Ints
    """tier in which redeeming is decided: that after the member's row before"""

    def affords(self, points: int) -> Array:
        """(occasions,) whether the balance affords so many points."""
        return np.asarray(self.before >= points)


def occasions_of(a: Activity, held: Ints) -> Occasions:
    """The purchases of a table; held: (members,) points before its first row."""
    after = held[a.member] + _running(a.member, a.earned - a.redeemed)
    bought = np.flatnonzero(a.purchases > 0)
    tier = np.maximum(a.tier, 0)
    same = np.append(False, a.member[1:] == a.member[:-1])
    earlier = np.where(same, np.append(0, tier[:-1]), tier)
    return Occasions(bought, a.member[bought], (after + a.redeemed)[bought], after[bought], tier[bought], earlier[bought])


def to_next(balance: Ints, prices: list[int]) -> Floats:
    """Share of the way from one reward's points to the next dearer one's that a balance has gone; 0 beyond the last
    (sim.rules.response.to_next_reward)."""
    steps = np.array([0, *sorted(prices)])
    at = np.clip(np.searchsorted(steps, balance, side="right") - 1, 0, len(steps) - 1)
    last = at == len(steps) - 1
    above = steps[np.minimum(at + 1, len(steps) - 1)]
    return np.asarray(np.where(last, 0.0, (balance - steps[at]) / np.where(last, 1, above - steps[at])).clip(0.0))


def _running(member: Ints, values: Ints) -> Ints:
    """Running sums within members, who are in order."""
    total = values.cumsum()
    first = np.flatnonzero(np.diff(member, prepend=-1))
    before = np.repeat(total[first] - values[first], np.diff(np.append(first, len(member))))
    return np.asarray(total - before, np.int64)
