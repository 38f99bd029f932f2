"""Whether every cell of a snapshot's tables can be true at all; what is wrong is a sentence with file, row and column."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from scenarios.finance.snapshot_tables import MEMBERS, MONTHS_BACK, Table, day_number
from sim.errors import InputError
from sim.scenario import Scenario


def check_members(table: Table, end: dt.date) -> None:
    """Each member once, dates that follow each other. Wrong cells are noted in the table; raises InputError for columns that do
    not go together."""
    c = table.columns
    ids = pd.Series(c["member"])
    twice = np.flatnonzero(ids.duplicated().to_numpy() & (ids != "").to_numpy())
    table.wrong(twice, "member", lambda r: f"found {ids[r]!r} a second time; every member has one row")
    for name, column in MEMBERS.items():
        if column.kind == "date" and table.has(name) and name != "tier_until":
            _not_after(table, name, end)
    if table.has("failed_since") and table.has("tier_until"):
        raise InputError(f"{table.name}: give failed_since or tier_until, not both")
    if table.has("birth_month"):
        wrong = np.flatnonzero((c["birth_month"] < 0) | (c["birth_month"] > 12))
        table.wrong(wrong, "birth_month", lambda r: f"found {c['birth_month'][r]}, allowed is 1 to 12")
    if table.has("first_purchase") != table.has("purchases"):
        there, missing = ("first_purchase", "purchases") if table.has("first_purchase") else ("purchases", "first_purchase")
        raise InputError(f"{table.name}: column {there!r} needs the column {missing!r}: together they are a member's history")
    if table.has("first_purchase"):
        last = c.get("last_purchase", np.full(table.rows, np.nan))
        first = c["first_purchase"]
        table.wrong(
            np.flatnonzero(first > last),
            "first_purchase",
            lambda r: f"found {_date(first[r])}, which is after the last purchase, {_date(last[r])}",
        )
        count = c["purchases"]
        table.wrong(
            np.flatnonzero((count > 0) & ~(np.isfinite(first) & np.isfinite(last))),
            "purchases",
            lambda r: f"found {count[r]}, but first_purchase or last_purchase is empty",
        )
        table.wrong(
            np.flatnonzero(np.isfinite(first) & (count < 1 + (first < last))),
            "purchases",
            lambda r: f"found {count[r]}, fewer than first_purchase and last_purchase show",
        )


def check_programme(table: Table, scenario: Scenario) -> None:
    """Tiers and segments of the scenario. Wrong cells are noted; raises InputError where tiers are not told at all."""
    tiers = [tier.name for tier in scenario.programme.tiers]
    if len(tiers) > 1 and not table.has("tier"):
        raise InputError(f"{table.name}: column 'tier' is missing; the scenario has the tiers {', '.join(tiers)}")
    _among(table, "tier", tiers)
    _among(table, "segment", ["", *(s.name for s in scenario.population.segments)])


def check_ids(table: Table, places: dict[str, int]) -> None:
    """Only members of the members table (id -> row)."""
    ids = table.columns["member"]
    unknown = np.array([k for k, name in enumerate(ids) if name and name not in places], np.int64)
    table.wrong(unknown, "member", lambda r: f"found {ids[r]!r}, who is not in the members table")


def check_lots(table: Table, end: dt.date) -> None:
    """Lots from the time before the snapshot."""
    earned = table.columns["earned"]
    _not_after(table, "earned", end)
    old = np.flatnonzero(earned < day_number(end) - 30 * MONTHS_BACK)
    table.wrong(old, "earned", lambda r: f"found {_date(earned[r])}, more than {MONTHS_BACK} months before the snapshot")


def check_coupons(table: Table, scenario: Scenario) -> None:
    """Coupons of incentives that issue some."""
    issuing = [x.name for x in scenario.programme.incentives if x.give.coupon is not None]
    _among(table, "incentive", issuing)


def _among(table: Table, column: str, allowed: list[str]) -> None:
    if table.has(column):
        found = table.columns[column]
        wrong = np.flatnonzero(~np.isin(found.astype(str), allowed))
        shown = ", ".join(name for name in allowed if name) or "none"
        table.wrong(wrong, column, lambda r: f"found {found[r]!r}, the scenario has {shown}")


def _not_after(table: Table, column: str, end: dt.date) -> None:
    days = table.columns[column]
    late = np.flatnonzero(days > day_number(end))
    table.wrong(late, column, lambda r: f"found {_date(days[r])}, which is after {end}, the day of the snapshot")


def _date(days: float) -> str:
    return str(np.datetime64(int(days), "D"))
