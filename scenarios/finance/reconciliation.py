"""Whether the tables of a live programme agree with each other: what does not add up is listed, and what was done about it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios.finance.snapshot_tables import Table
from scenarios.numerals import integer
from sim.scenario import Scenario
from sim.tables import minor
from sim.typing import Array, Floats, Ints

SHOWN = 20
"""Members that are listed of each kind of difference."""


@dataclass(frozen=True)
class Difference:
    """One kind of thing that does not add up."""

    kind: str
    members: int
    """or lots, or coupons, as `kind` says"""
    amount: int
    """points concerned, in absolute terms; 0 where it is not about points"""
    done: str
    """what the opening state has instead"""
    rows: pd.DataFrame
    """the first of them: member, found, expected"""

    @property
    def sentence(self) -> str:
        """For the notes of a forecast."""
        points = f", {integer(self.amount)} points" if self.amount else ""
        return f"{self.kind}: {integer(self.members)} found{points}; {self.done}."


@dataclass(frozen=True)
class Reconciliation:
    """All of it; empty where everything adds up."""

    differences: list[Difference]
    checked: list[str]
    """what was compared"""

    @property
    def adds_up(self) -> bool:
        """Whether nothing was found."""
        return not self.differences

    @property
    def notes(self) -> list[str]:
        """One sentence a kind of difference."""
        return [d.sentence for d in self.differences]

    def table(self) -> pd.DataFrame:
        """kind, members, amount, done."""
        rows = [(d.kind, d.members, d.amount, d.done) for d in self.differences]
        return pd.DataFrame(rows, columns=["kind", "members", "amount", "done"])

    def listed(self) -> pd.DataFrame:
        """kind, member, found, expected: the first SHOWN of each kind."""
        parts = [d.rows.assign(kind=d.kind) for d in self.differences]
        found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
        return found.reindex(columns=["kind", "member", "found", "expected"])


def difference(
    kind: str, done: str, who: Array, wrong: Array, found: Array, expected: Array, amount: Floats | None = None
) -> list[Difference]:
    """A Difference of the members where `wrong` holds, or nothing: arrays of one length, by member."""
    rows = np.flatnonzero(wrong)
    if not len(rows):
        return []
    listed = pd.DataFrame({"member": who[rows[:SHOWN]], "found": found[rows[:SHOWN]], "expected": expected[rows[:SHOWN]]})
    total = 0 if amount is None else int(np.abs(amount[rows]).sum())
    return [Difference(kind, len(rows), total, done, listed)]


def overdue(lots: Ints, scenario: Scenario, who: Array, start: dt.date) -> list[Difference]:
    """Lots that the programme's rule has let lapse already."""
    expiry = scenario.programme.expiry
    if expiry.rule not in ("rolling", "fixed_date"):
        return []
    month = expiry.next_lapse(np.arange(-lots.shape[1], 0) + expiry.months, start.month)
    late = np.where(month < 0, lots, 0).sum(axis=1)
    return difference(
        "points whose validity has ended",
        "they lapse with the first month",
        who,
        late > 0,
        late,
        np.zeros_like(late),
        late.astype(float),
    )


def other_expiries(held: Table | None, scenario: Scenario) -> list[Difference]:
    """Lots whose own date of expiry is not the one that the rule gives."""
    expiry = scenario.programme.expiry
    if held is None or not held.has("expires") or expiry.rule not in ("rolling", "fixed_date"):
        return []
    earned, given = (_month_count(held.columns[k]) for k in ("earned", "expires"))
    due = expiry.next_lapse(earned + expiry.months, 1)
    wrong = np.isfinite(given) & (given != due)
    return difference(
        "lots that expire in another month than the programme's rule says",
        "the rule holds",
        held.columns["member"],
        wrong,
        _month_names(given),
        _month_names(due),
        held.columns["points"].astype(float),
    )


def tiers_against_figures(tier: Ints, window: Ints, scenario: Scenario, who: Array) -> list[Difference]:
    """Tiers that are not those that the figures of the window reach."""
    reached = np.zeros(len(tier), np.int64)
    for k, level in enumerate(scenario.programme.tiers):
        ask = level.requires
        meets = np.ones(len(tier), bool)
        if ask.spend is not None:
            meets &= window[:, 0] >= minor(ask.spend)
        if ask.points is not None:
            meets &= window[:, 1] >= ask.points
        if ask.purchases is not None:
            meets &= window[:, 2] >= ask.purchases
        reached = np.where(meets, k, reached)
    names = np.array([level.name for level in scenario.programme.tiers], dtype=object)
    up = scenario.programme.qualification.upgrade == "at_once"
    found = difference(
        "members below the tier that their figures reach",
        "their tier holds until their next purchase or review",
        who,
        (reached > tier) & up,
        names[tier],
        names[reached],
    )
    keep = scenario.programme.qualification.downgrade == "never"
    return found + difference(
        "members above the tier that their figures reach",
        "their tier holds" + ("" if keep else " until a review"),
        who,
        reached < tier,
        names[tier],
        names[reached],
    )


def _month_count(days: Array) -> Floats:
    """Months since 1970 of days since 1970; NaN kept."""
    known = np.isfinite(days)
    whole = np.where(known, days, 0).astype(np.int64).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.where(known, whole, np.nan)


def _month_names(months: Array) -> Array:
    return np.nan_to_num(months).astype(np.int64).astype("datetime64[M]").astype(str)
