"""How many members join a month, from a members table or from when members are first seen."""

from __future__ import annotations

import datetime as dt

import numpy as np

from scenarios.finance.backtest.activity import Activity, month_number, month_of
from scenarios.finance.backtest.standing import People
from sim.population import Population


def joining(a: Activity, people: People, population: Population | None) -> tuple[float, str]:
    """New members a month as a share of members at the end of the rows, and how it was found.

    With a members table, those who joined in the last third of the months. Without, those first seen then, less those who were
    there from the start and are seen late because they buy rarely: of n members at the start, whose rates are gamma distributed,
    n g(t) are not seen by time t, g(t) = (1 + mean t / shape)^-shape (Ehrenberg 1959), and who joins is seen at once, so that
    first thirds and last thirds give n and the joiners. population: with the rates.
    """
    third = max(1, a.months // 3)
    if people.told:
        last = month_number(a.end)
        joined = month_of(people.joined.astype(np.int64))
        count = float(((joined > last - third) & (joined <= last)).sum())
        return min(1.0, count / third / len(people.who)), "who joined in the last third of the fit, of the members table"
    if population is None or a.months < 3:
        return 0.0, "not to be told from the rows; --new-members states it"
    first = np.full(len(a.who), np.inf)
    np.minimum.at(first, a.member, a.day)
    days = (a.end - a.start).days + 1
    age = first - (a.start - dt.date(1970, 1, 1)).days
    early, late = (float(((age >= low * days) & (age < (low + 1 / 3) * days)).sum()) for low in (0.0, 2 / 3))
    rate = population.purchase_rate

    def unseen(t: float) -> float:
        return float((1 + rate.mean * t / rate.shape) ** -rate.shape)

    seen_early, seen_late = 1 - unseen(days / 3), unseen(2 * days / 3) - unseen(days)
    there = max(0.0, (early - late) / max(1e-9, seen_early - seen_late))
    joiners = max(0.0, late - there * seen_late) / (days / 3 / 30.4375)
    return min(
        1.0, joiners / len(a.who)
    ), "first rows in the last third of the fit, less those of rare buyers there from the start"
