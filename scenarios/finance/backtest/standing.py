"""Where a programme stood on the first day of the forecast, from the rows before it: members, tiers, points."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from scenarios.finance.backtest.activity import Activity, Rule, month_number
from scenarios.finance.backtest.lots import Points, points_of, shortfall
from scenarios.finance.snapshot import Snapshot, snapshot
from scenarios.finance.snapshot_tables import DAY_ZERO, MEMBERS, Table, read_table
from scenarios.numerals import integer, number
from scenarios.sources import Where
from sim.errors import InputError
from sim.scenario import Scenario
from sim.typing import Array, Floats, Ints

TABLE = {name: MEMBERS[name] for name in ("member", "joined", "tier", "balance")}
"""Columns of a members table; its balance is that before the first month of the activity table"""


@dataclass(frozen=True)
class People:
    """What a members table says of those in an activity table and of those who never did anything."""

    who: Array
    """(people,) ids, those of the activity table first and in its order"""
    joined: Floats
    """(people,) days since 1970; of who is not in the members table the first day with activity"""
    tier: Ints
    """(people,) -1 where the table does not say"""
    held: Ints
    """(people,) points before the first month"""
    told: frozenset[str]
    rules: tuple[Rule, ...]


def read_members(where: Where, scenario: Scenario) -> Table:
    """The members table, with columns of TABLE. Raises InputError for cells that cannot be read and ids that are twice there."""
    table = read_table(where, TABLE, "members")
    ids = pd.Series(table.columns["member"])
    table.wrong(np.flatnonzero(ids.duplicated()), "member", lambda r: f"found {ids[r]!r} a second time; every member has one row")
    names = [tier.name for tier in scenario.programme.tiers]
    if table.has("tier"):
        tiers = table.columns["tier"].astype(str)
        wrong = np.flatnonzero(~np.isin(tiers, names))
        table.wrong(wrong, "tier", lambda r: f"found {str(tiers[r])!r}, the scenario has {', '.join(names)}")
    if table.has("balance"):
        balance = table.columns["balance"]
        table.wrong(np.flatnonzero(balance < 0), "balance", lambda r: f"found {balance[r]}, allowed is 0 or more")
    if table.problems:
        raise InputError(*table.problems)
    return table


def people_of(table: Table | None, a: Activity, scenario: Scenario) -> People:
    """The members of a programme at the end of a.end: those with a row by then, and those who had joined."""
    first = np.full(len(a.who), np.inf)
    np.minimum.at(first, a.member, a.day)
    if table is None:
        n = len(a.who)
        return People(a.who, first, np.full(n, -1), np.zeros(n, np.int64), frozenset(), ())
    c, ids = table.columns, pd.Series(table.columns["member"])
    names = [tier.name for tier in scenario.programme.tiers]
    balance = c.get("balance", np.zeros(table.rows, np.int64))
    place = pd.Series(np.arange(table.rows), index=ids)
    at = place.reindex(a.who).to_numpy(float)
    known = np.isfinite(at)
    silent = ~ids.isin(a.who).to_numpy() & (c["joined"] <= (a.end - dt.date(1970, 1, 1)).days)
    rows = np.where(known, at, 0).astype(np.int64)
    joined = np.where(known, c["joined"][rows], first)
    rules = []
    if (~known).any():
        rules.append(Rule("members who are not in the members table: taken to join with their first row", int((~known).sum())))
    early = known & (first < joined)
    if early.any():
        rules.append(Rule("members with activity before they joined: taken to have joined with it", int(early.sum())))
    number = np.array([names.index(str(t)) for t in c["tier"]], np.int64) if table.has("tier") else np.full(table.rows, -1)
    return People(
        who=np.concatenate([a.who, ids[silent].to_numpy()]),
        joined=np.concatenate([np.minimum(joined, first), c["joined"][silent]]),
        tier=np.concatenate([np.where(known, number[rows], -1), number[silent]]),
        held=np.concatenate([np.where(known, balance[rows], 0), balance[silent]]).astype(np.int64),
        told=frozenset(table.columns),
        rules=tuple(rules),
    )


def held_before(a: Activity, people: People) -> tuple[Ints, str]:
    """Points before the first month, (people,), of an activity table that ends with the fit, and the assumption made.

    A balance of the members table holds; else who joined before the first month is taken to have gained what members gained a
    month in the table, net of redemptions, since joining. No member's own later redemptions are used.
    """
    if "balance" in people.told:
        return people.held, "Points held before the first row are those of the members table."
    if not people.told:
        return people.held, (
            "Points held before the first row are not known and taken as 0; a members table with their balance, or with the day "
            "of joining, takes the place of this."
        )
    begin = month_number(a.start)
    month = (DAY_ZERO + people.joined.astype(np.int64)).astype("datetime64[M]").astype(np.int64)
    exposure = (begin + a.months - np.maximum(month, begin)).clip(0).sum()
    gain = max(0.0, float(a.earned.sum() - a.redeemed.sum()) / max(1, exposure))
    return np.round(gain * np.maximum(0, begin - month)).astype(np.int64), (
        f"Points held before the first row are not known: each member is taken to have gained {number(gain)} points a month "
        "since joining, net of redemptions, as all members did in the fitted months. A balance in the members table takes the "
        "place of this."
    )


@dataclass(frozen=True)
class Standing:
    """A programme at the end of the rows."""

    snapshot: Snapshot
    """members to go on from (scenarios.finance.snapshot)"""
    who: Array
    """(people,) ids"""
    held: Ints
    """(people,) points before the first row"""
    points: Points
    """month by month"""
    notes: list[str]
    """what was assumed"""


def with_tiers(a: Activity, people: People) -> Activity:
    """The table with the tiers of the members table where its own rows tell none."""
    return replace(a, tier=np.where(a.tier < 0, people.tier[a.member], a.tier))


def standing(a: Activity, people: People, scenario: Scenario, *, from_first_purchase: bool) -> Standing:
    """Where the programme stood at the end of a.end.

    a: the rows before the forecast only; people: as read for those rows; from_first_purchase: whether a member's clock starts
    with the first purchase or with the first day of the table (as in the calibration).
    """
    n, active = len(people.who), len(a.who)
    held, said = held_before(a, people)
    notes = [said] if scenario.programme.earning is not None else []
    short = np.maximum(0, shortfall(a) - held[:active])
    if short.any():
        notes.append(
            f"{integer((short > 0).sum())} members redeemed more than that and what they earned: they held the rest before, too."
        )
        held = held + np.pad(short, (0, n - active))
    points = points_of(a, held, scenario.programme.expiry)
    lots = points.lots
    bought = a.purchases > 0
    count = np.bincount(a.member[bought], minlength=n)
    spend = np.bincount(a.member[bought], weights=a.value[bought], minlength=n)
    first, last = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(first, a.member[bought], a.day[bought])
    np.maximum.at(last, a.member[bought], a.day[bought])
    ever = count > 0
    if not from_first_purchase:  # the start of the clock stands where a first purchase would
        begin = (a.start - dt.date(1970, 1, 1)).days
        origin = np.maximum(begin, people.joined) if people.told else np.full(n, float(begin))
        waits = ever & (origin < first)
        first = np.where(waits, origin, first)
        spend = np.where(waits, spend * (count + 1) / np.maximum(count, 1), spend)
        count = np.where(waits, count + 1, count)
    tiers = [tier.name for tier in scenario.programme.tiers]
    tier = _last_tier(a, people)
    if len(tiers) > 1 and (tier < 0).all():
        raise InputError(
            f"the scenario has the tiers {', '.join(tiers)}: name the column of tiers with --tier, or give --members"
        )
    table = pd.DataFrame(
        {
            "member": people.who, "joined": _dates(people.joined), "tier": np.array(tiers, dtype=object)[np.maximum(tier, 0)],
            "last_purchase": _dates(np.where(ever, last, np.nan)), "first_purchase": _dates(np.where(ever, first, np.nan)),
            "purchases": count, "spend": np.round(spend, 2),
        }
    )  # fmt: skip
    if len(tiers) > 1:
        table["window_spend"], table["window_purchases"], table["window_points"] = _window(a, scenario, n)
    row, column = np.nonzero(lots)
    earned = (np.datetime64(a.start, "M") + column - 1).astype("datetime64[D]")
    open_lots = pd.DataFrame({"member": people.who[row], "points": lots[row, column], "earned": earned})
    found = snapshot(table, open_lots if len(row) else None, scenario=scenario, as_of=a.end)
    unknown = int((tier < 0).sum()) if len(tiers) > 1 else 0
    if unknown:
        notes.append(f"{integer(unknown)} members whose tier is not known are taken to be in {tiers[0]}.")
    return Standing(found, people.who, held, points, notes)


def _last_tier(a: Activity, people: People) -> Ints:
    """(people,) tier after the last row of a member; else what the members table says; -1 unknown."""
    tier = people.tier.copy()
    tier[a.member[a.tier >= 0]] = a.tier[a.tier >= 0]  # rows are in order of time
    return tier


def _window(a: Activity, scenario: Scenario, n: int) -> tuple[Array, Array, Array]:
    """Spend, purchases and points of the qualification window in which a.end lies, as far as the rows go back."""
    q = scenario.programme.qualification
    last = month_number(a.end)
    back = {
        "cumulative": 10**6,
        "rolling": q.months - 1,
        "calendar": last % min(q.months, 12) if q.months <= 12 else q.months - 1,
    }
    rows = (a.month + month_number(a.start) >= last - back[q.window]) & (a.purchases > 0)
    who = a.member[rows]
    spend = np.round(np.bincount(who, weights=a.value[rows], minlength=n), 2)
    points = np.bincount(who, weights=a.earned[rows], minlength=n).astype(np.int64)
    return spend, np.bincount(who, minlength=n), points


def _dates(days: Floats) -> Array:
    known = np.isfinite(days)
    return np.where(known, DAY_ZERO + np.where(known, days, 0).astype(np.int64), np.datetime64("NaT"))
