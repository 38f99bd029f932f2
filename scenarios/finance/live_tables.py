"""The tables of a live programme on one day: read, checked cell by cell and with each other; no programme is asked yet."""

from __future__ import annotations

import calendar
import datetime as dt
import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from scenarios.finance.cells import refuse
from scenarios.finance.opening_lots import by_month, corrected
from scenarios.finance.reconciliation import Reconciliation, difference
from scenarios.finance.snapshot_checks import check_ids, check_lots, check_members
from scenarios.finance.snapshot_tables import COUPONS, LOTS, MEMBERS, Table, day_number, read_table
from scenarios.sources import Where
from sim.errors import InputError
from sim.scenario import Scenario
from sim.typing import Ints


@dataclass(frozen=True)
class Terms:
    """Of a programme, what the figures of its members were counted by; another programme cannot go on from them."""

    scenario: str
    currency: str
    tiers: list[str]
    window: str
    """qualification window and its months; empty where there is one tier alone"""

    def __str__(self) -> str:
        window = f", {self.window}" if self.window else ""
        return f"{self.currency}, tiers {', '.join(self.tiers)}{window}"


@dataclass(frozen=True)
class Held:
    """Points of each member, as far as the tables agree on them."""

    balance: Ints
    """(n,) that can be spent, 0 or more"""
    debt: Ints
    """(n,) that are owed after a refund: how far the stated balance is below 0"""
    lots: Ints | None
    """(n, past) by month of credit, the last column being the month of as_of, adding up to the balance; None without lots"""
    reconciliation: Reconciliation


@dataclass(frozen=True)
class LiveTables:
    """Tables whose cells can be true; built by `live_tables`."""

    as_of: dt.date
    """the day at whose end they stand, the last of a month"""
    members: Table
    lots: Table | None
    coupons: Table | None
    label: str
    """for results: the members' table, as of when, how many, and a digest of what all tables hold"""
    terms: Terms | None = None
    """of the programme whose they are, where that was said"""

    @property
    def day(self) -> dt.date:
        """The day after: the first of a forecast."""
        return self.as_of + dt.timedelta(days=1)

    @property
    def all(self) -> dict[str, Table]:
        """Those that there are, by name."""
        tables = {"members": self.members, "lots": self.lots, "coupons": self.coupons}
        return {name: table for name, table in tables.items() if table is not None}

    @cached_property
    def places(self) -> dict[str, int]:
        """Row of each member id."""
        return {name: k for k, name in enumerate(self.members.columns["member"])}

    def raise_problems(self) -> None:
        """Raise InputError with the problems noted so far, if there are any."""
        refuse([p for table in self.all.values() for p in table.problems])

    def check_same_programme(self, scenario: Scenario) -> None:
        """Raise InputError where the tables are those of a programme with other terms."""
        theirs = terms_of(scenario)
        if self.terms is not None and str(self.terms) != str(theirs):
            raise InputError(
                f"{self.label}: the snapshot is of the programme of {self.terms.scenario} ({self.terms}); "
                f"the scenario {scenario.name} has {theirs}"
            )

    @cached_property
    def held(self) -> Held:
        """Balances against lots: where they differ the balance holds."""
        c, start = self.members.columns, self.day
        stated = c.get("balance")
        none = np.zeros(self.members.rows, np.int64)
        balance = none if stated is None else np.maximum(stated, 0)
        debt = none if stated is None else np.maximum(-stated, 0)
        found = difference(
            "negative balances", "nothing to spend; what they owe is repaid by the points that they earn next", c["member"],
            none < 0 if stated is None else stated < 0, none if stated is None else stated, balance,
            None if stated is None else stated.astype(float),
        )  # fmt: skip
        checked = [] if stated is None else ["negative balances"]
        if self.lots is None:
            return Held(balance, debt, None, Reconciliation(found, checked))
        lots = by_month(self.lots, self.places, self.members.rows, start)
        if stated is None:
            return Held(lots.sum(axis=1), debt, lots, Reconciliation(found, checked))
        off = balance - lots.sum(axis=1)
        found += difference(
            "balances that differ from their lots",
            "the balance holds: what is missing joins the newest lot, what is too much leaves the oldest",
            c["member"], off != 0, lots.sum(axis=1), balance, off.astype(float),
        )  # fmt: skip
        last = c.get("last_purchase", np.full(self.members.rows, np.nan)) - float(day_number(start))
        return Held(balance, debt, corrected(lots, off, last, start), Reconciliation(found, ["balances against lots", *checked]))


def live_tables(
    members: Where, lots: Where | None = None, coupons: Where | None = None, *, as_of: dt.date | None = None,
    scenario: Scenario | None = None,
) -> LiveTables:  # fmt: skip
    """Read the tables of a live programme as they stand at the end of a month.

    members, lots, coupons: see scenarios.sources, with the columns of scenarios.finance.snapshot_tables (MEMBERS, LOTS, COUPONS);
    as_of: last day of that month (default: the day before the scenario starts); scenario: whose programme it is.
    Raises InputError for what is no such table and for personal data; and with a sentence for every wrong cell (file, row,
    column), those of a scenario together with what scenarios.finance.snapshot.snapshot_of then finds.
    """
    if as_of is None:
        if scenario is None:
            raise InputError("--as-of is missing: give the last day of the month at whose end the tables stand, or a scenario")
        as_of = scenario.horizon.start - dt.timedelta(days=1)
    if as_of.day != calendar.monthrange(as_of.year, as_of.month)[1]:
        raise InputError(f"as_of: found {as_of}, allowed is the last day of a month")
    people = read_table(members, MEMBERS, "members")
    held = None if lots is None else read_table(lots, LOTS, "lots")
    offers = None if coupons is None else read_table(coupons, COUPONS, "coupons")
    label = f"{people.label} as of {as_of}, {people.rows:,} members, sha256 {_digest(people, held, offers)[:16]}"
    tables = LiveTables(as_of, people, held, offers, label, None if scenario is None else terms_of(scenario))
    check_members(people, as_of)
    places = tables.places
    for table in (held, offers):
        if table is not None:
            check_ids(table, places)
    if held is not None:
        check_lots(held, as_of)
    if scenario is None:
        tables.raise_problems()
    return tables


def terms_of(scenario: Scenario) -> Terms:
    """What members of this scenario's programme are counted by."""
    tiers = [tier.name for tier in scenario.programme.tiers]
    q = scenario.programme.qualification
    window = f"{q.window} window" + ("" if q.window == "cumulative" else f" of {q.months} months")
    return Terms(scenario.name, scenario.market.currency, tiers, window if len(tiers) > 1 else "")


def _digest(*tables: Table | None) -> str:
    digest = hashlib.sha256()
    for table in tables:
        if table is not None:
            for name in sorted(table.columns):
                values = table.columns[name]
                digest.update(name.encode() + ("\0".join(values).encode() if values.dtype == object else values.tobytes()))
    return digest.hexdigest()
