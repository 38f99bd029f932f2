"""Plan against actual, month by month: the forecast's mean as the plan, the difference split by scenarios.finance.variance."""

from __future__ import annotations

import numpy as np

from scenarios.finance.backtest.activity import Activity, month_number, month_of
from scenarios.finance.backtest.scored import ON_REDEEMING, Runs
from scenarios.finance.backtest.standing import People
from scenarios.finance.variance import Activity as Period
from scenarios.finance.variance import Variance, monthly_variance
from sim.typing import Array


def plan_against_actual(
    runs: Runs, a: Activity, people: People, first: int, costs: tuple[str, ...], tiers: int
) -> tuple[list[Variance], str]:
    """The variance of each month of the forecast, and what its event is.

    a, people: the whole table and its members; first: month of the table in which the forecast starts; costs: the cost lines that
    the table covers; tiers: number of tiers of the scenario. Cost of redeeming is split by points redeemed, other cost by
    purchases (a member's day or month with any counts one).
    """
    redeeming = costs == ON_REDEEMING
    named = (("members",), ("points_redeemed" if redeeming else "purchases",), costs)
    means = [runs.of(*names).mean(axis=0) for names in named]
    plan = [_period(*month) for month in zip(*means, strict=True)]
    return monthly_variance(plan, _actual(a, people, first, tiers, redeeming)), "point redeemed" if redeeming else "purchase"


def _period(members: Array, events: Array, cost: Array) -> Period:
    """Whole numbers; a mean of less than half an event or member that costs is one."""
    money = np.round(cost).astype(np.int64)
    happened = np.maximum(np.round(events).astype(np.int64), money > 0)
    people = np.maximum(np.round(members).astype(np.int64), happened > 0)
    return Period(people.tolist(), happened.tolist(), money.tolist())


def _actual(a: Activity, people: People, first: int, tiers: int, redeeming: bool) -> list[Period]:
    """Members who had joined by the end of each month and what they did, by the tier that they then had."""
    joined = month_of(people.joined.astype(np.int64)) - month_number(a.start)
    tier = np.maximum(people.tier, 0)
    known = a.tier >= 0
    month = a.month
    found = []
    for m in range(a.months):
        here = np.flatnonzero(month == m)
        told = here[known[here]]
        tier[a.member[told]] = a.tier[told]
        if m < first:
            continue
        event = a.redeemed[here] if redeeming else (a.purchases[here] > 0).astype(np.int64)
        rows = here[event > 0]
        lost = a.cost[here].sum() - a.cost[rows].sum()
        members = np.bincount(tier[joined <= m], minlength=tiers)
        of = tier[a.member[rows]]
        events = np.bincount(of, weights=event[event > 0], minlength=tiers).astype(np.int64)
        cost = np.bincount(of, weights=a.cost[rows], minlength=tiers).astype(np.int64)
        cost[int(events.argmax())] += lost  # of rows without the event, such as messages
        found.append(_period(members, events, cost))
    return found


def totals(months: list[Variance]) -> dict[str, int]:
    """Sums over the months, minor units."""
    names = ("plan", "actual", "difference", "volume", "mix", "rate", "behaviour")
    return {name: sum(getattr(v, name) for v in months) for name in names}
