"""The log of single members: every entry that their lives make in the tallies, with its moment.

The sum over all members of a run is the run, so a figure made of tallies can be traced to who did what when. (Survival by cohort,
migration and the repurchase rate are counted from the members' state and are not in it.)
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from sim import tally
from sim.outcome import simulate
from sim.reference import Reference
from sim.scenario import Scenario
from sim.tables import NO_BUDGET, Tables, with_budget
from sim.tabulating import compile_tables
from sim.typing import Ints

MONEY = ("paid", "_list", "_value", "_discount", "_cost", "_charges", "_recoveries", "_partners", "fees")
"""endings of tallies in minor units"""
POINTS = ("points_", "outstanding", "pending", "open_", "owed")
"""beginnings of tallies in points"""


def unit_of(name: str) -> str:
    """The unit of a tally: minor units, points, or a count."""
    return "minor units" if name.endswith(MONEY) else "points" if name.startswith(POINTS) else "count"


def member_log(
    scenario: Scenario, size: int, *, members: int | None = None, seed: int = 0, draw: int | None = None
) -> pd.DataFrame:
    """What `size` members of a run did, spread evenly over those there at the start and those who join; all if there are fewer.

    members, seed, draw: of the run, as in sim.outcome.simulate. The reference driver lives them again, a few milliseconds a
    purchase; production is not slowed. Where budgets are shared, the run is made first, to know when they were spent.

    One row an entry, in the order of time: member (number in the run), at (days since the start), date, month (from 0), tier and
    segment (in which it is counted), what (a tally of sim.tally), amount (an integer), unit, tier_after and points_after
    (spendable and pending). What stands at a month end (members, alive, outstanding, ...) is an entry of that month end.
    """
    t, served = _tables(scenario, members, seed, draw)
    total = int(t.p["n_start"][0] + t.p["new_per_month"][0] * len(t.months))
    numbers = (np.arange(min(size, total)) * total // min(size, total)).tolist()
    entries = _Entries(t)
    run = Reference(t, numbers=numbers, seen=entries.note, served=served)
    entries.run = run
    run.run()
    found = pd.DataFrame(entries.rows, columns=_NOTED)
    tiers = np.array([tier.name for tier in scenario.programme.tiers], dtype=object)
    segments = np.array([segment.name for segment in scenario.population.segments] or ["all"], dtype=object)
    # the last moment of a month is the end of its last day
    days = np.minimum(np.floor(found["at"]), t.months["end"][found["month"]] - 1).astype(int)
    return pd.DataFrame(
        {
            "member": np.array(numbers)[found["member"]],
            "at": found["at"],
            "date": pd.Series([scenario.horizon.start + dt.timedelta(days=int(day)) for day in days], dtype=object),
            "month": found["month"].astype(np.int32),
            "tier": tiers[found["tier"]],
            "segment": segments[found["segment"]],
            "what": np.array(tally.NAMES, dtype=object)[found["what"]],
            "amount": found["amount"],
            "unit": np.array([unit_of(name) for name in tally.NAMES], dtype=object)[found["what"]],
            "tier_after": tiers[found["tier_after"]],
            "points_after": found["points_after"],
        }
    )


def _tables(scenario: Scenario, members: int | None, seed: int, draw: int | None) -> tuple[Tables, dict[int, int]]:
    """The tables of the run, with the moments at which shared budgets were spent in the place of the budgets; Outcome.served."""
    t = compile_tables(scenario, members=members, seed=seed, draw=draw)
    if len(with_budget(t.incentives)):
        whole = simulate(scenario, members=members, seed=seed, draw=draw)
        t.closes[:], t.closes_for[:] = whole.tables.closes, whole.tables.closes_for
        t.incentives["budget"] = NO_BUDGET
        return t, whole.served
    return t, {}


_NOTED = ["member", "at", "month", "tier", "segment", "what", "amount", "tier_after", "points_after"]


class _Entries:
    """What each act changed in the cube."""

    run: Reference

    def __init__(self, t: Tables) -> None:
        self.cells = len(t.tiers) * len(t.segments)
        self.segments = len(t.segments)
        self.before: Ints | None = None
        self.rows: list[tuple[float, ...]] = []

    def note(self, i: int, moment: float, month: int) -> None:
        """The entries of one act of the member at place `i`."""
        cube = self.run.plain.cube
        if self.before is None:
            self.before = np.zeros_like(cube)
        rows = slice(month * self.cells, (month + 1) * self.cells)
        change = cube[rows] - self.before[rows]
        m = self.run.chunk.members[i]
        for cell, what in np.argwhere(change):
            tier, segment = divmod(int(cell), self.segments)
            amount = int(change[cell, what])
            after = (int(m.tier), int(m.balance + m.pending))
            self.rows.append((i, moment, month, tier, segment, int(what), amount, *after))
        self.before[rows] = cube[rows]
