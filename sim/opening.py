"""Members to go on from: the state of a programme on one day, in the units of the run that begins then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.errors import InputError
from sim.member import NEVER
from sim.scenario import Scenario
from sim.state import Chunk
from sim.tables import NO_BUDGET, Tables
from sim.typing import Array, Floats, Ints


@dataclass(frozen=True)
class Opening:
    """Members at the start of a run: what `simulate(..., keep_state=True)` leaves at its end, or what a live programme's
    tables say (scenarios.finance.snapshot). Moments are days since `start`, months count from it, both below 0 before.

    A run that goes on under another programme keeps what the members have; it needs the same tiers, incentives may come and go.
    Repurchase is then measured from the first purchase known, and tier migration within the new run.
    """

    start: dt.date
    """day 0 of the run that goes on, the first of a month"""
    origin: dt.date
    """day 0 of the first run: windows, reviews and the catalogue are counted from it"""
    day_zero: int
    """days from the first run's start to this one's, for the addresses of luck"""
    month_zero: int
    """months likewise; every `failed` of a member lies at or after its month 0"""
    level_days: float
    """days for which growth and inflation have already run"""
    members: Array
    """(n,) of sim.member.MEMBER; t_base and t_extra are operational days from the start, t_back such days times the return
    rate, below 0 where nobody was there to be called; NEVER where the run is to draw them"""
    lots: Ints
    """(n, past) open points by month of credit, the last column being the month before the start"""
    pend: Ints
    """(n, days + 1) pending points by the day from the start on which they become spendable"""
    quals: Array
    """(n, months of a rolling window or 1) of sim.member.QUALIFYING by month modulo that"""
    wallet: Array
    """(n, incentives) of sim.member.WALLET"""
    refunds: Array
    """(n, days) of sim.member.REFUND by the day from the start on which purchases are returned; no column where none is"""
    tiers: tuple[str, ...]
    """names, lowest first"""
    incentives: tuple[str, ...]
    """names, as the wallet's columns"""
    budget_left: Ints
    """(incentives,) minor units; NO_BUDGET for those without"""
    used_up: tuple[str, ...]
    """incentives that their budget has closed for good"""
    window: tuple[str, int]
    """qualification window and its months, of the programme that the figures were counted by"""
    base: int
    """members to whom the joiners of a month and the fixed costs are in proportion"""
    next_key: int
    """key of the first member who joins"""
    lot_tiers: Ints | None = None
    """(n, past, tiers) the points of `lots` by the tier at which they were earned; None = not known: that of the member"""
    pend_tiers: Ints | None = None
    """(n, days + 1, tiers) those of `pend` likewise"""

    @property
    def n(self) -> int:
        """Members."""
        return len(self.members)

    @property
    def past(self) -> int:
        """Months before the start from which points can be open."""
        return int(self.lots.shape[1])

    @property
    def outstanding(self) -> int:
        """Points of all members, pending ones included."""
        return int(self.members["balance"].sum() + self.members["pending"].sum())

    def check(self, scenario: Scenario) -> None:
        """Raise InputError where the scenario cannot go on from here."""
        problems = []
        if scenario.horizon.start != self.start:
            said = f"found {scenario.horizon.start}, the members to go on from are of {self.start}"
            problems.append(scenario.told(("horizon", "start"), said))
        tiers = tuple(tier.name for tier in scenario.programme.tiers)
        if tiers != self.tiers:
            said = f"found {', '.join(tiers)}, the members to go on from are in {', '.join(self.tiers)}"
            problems.append(scenario.told(("programme", "tiers"), said))
        q = scenario.programme.qualification
        if len(tiers) > 1 and (q.window, q.months) != self.window:
            said = (
                f"found a {q.window} window of {q.months} months, the members' figures were counted in a {self.window[0]} window "
                f"of {self.window[1]} months"
            )
            problems.append(scenario.told(("programme", "qualification"), said))
        segments = max(1, len(scenario.population.segments))
        if self.n and int(self.members["segment"].max()) >= segments:
            said = "members to go on from are in a segment that it does not have"
            problems.append(scenario.told(("population", "segments"), said))
        if problems:
            raise InputError(*problems)

    def closed(self, scenario: Scenario) -> list[bool]:
        """For each incentive of the scenario whether its budget is used up."""
        return [x.name in self.used_up for x in scenario.programme.incentives]

    def left(self, name: str, budget: int) -> int:
        """Minor units left of the budget of an incentive; all of it where the incentive is new or had none."""
        left = int(self.budget_left[self.incentives.index(name)]) if name in self.incentives else NO_BUDGET
        return budget if NO_BUDGET in (left, budget) else left

    def part(self, rows: Sequence[int] | Ints) -> Opening:
        """Some of the members, by row; joiners and fixed costs shrink in proportion."""
        chosen = np.asarray(rows)
        base = max(1, round(self.base * len(chosen) / max(1, self.n)))
        return replace(
            self, members=self.members[chosen], lots=self.lots[chosen], pend=self.pend[chosen],
            lot_tiers=None if self.lot_tiers is None else self.lot_tiers[chosen],
            pend_tiers=None if self.pend_tiers is None else self.pend_tiers[chosen], quals=self.quals[chosen],
            wallet=self.wallet[chosen], refunds=self.refunds[chosen], base=base,
        )  # fmt: skip

    def by_tier(self, rows: slice = slice(None)) -> tuple[Ints, Ints]:
        """(members, past, tiers) lots and (members, days + 1, tiers) pending points by the tier at which they were earned."""
        if self.lot_tiers is not None and self.pend_tiers is not None:
            return self.lot_tiers[rows], self.pend_tiers[rows]
        own = np.arange(len(self.tiers)) == self.members["tier"][rows, None, None]
        return self.lots[rows, :, None] * own, self.pend[rows, :, None] * own

    def install(self, chunk: Chunk, t: Tables, names: Sequence[str], first: int, count: int) -> None:
        """Put members first .. first + count into the first places of a chunk.

        names: incentives of the scenario. What depends on the tables (next moments) is set by the rule `resume` after.
        """
        rows = slice(first, first + count)
        m = chunk.members[:count]
        m[...] = self.members[rows]
        rate = float(t.p["return_rate"][0])
        m["t_back"] = np.where(m["t_back"] < NEVER / 2, m["t_back"] / rate, NEVER) if rate > 0.0 else NEVER
        for field in ("t_base", "t_extra", "t_back"):
            m[field] = _clock_time(t, m[field])
        slots = chunk.lots.shape[1]
        for k in range(self.past):
            chunk.lots[:count, (k - self.past) % slots] += self.lots[rows, k]
        width = chunk.pend.shape[1]
        m["pending"] = self.pend[rows].sum(axis=1)
        for day in range(self.pend.shape[1]):
            due = min(day, width - 1)
            chunk.pend[:count, due % width] += self.pend[rows, day]
        if len(chunk.lot_tiers):
            lots, pend = self.by_tier(rows)
            for k in range(self.past):
                chunk.lot_tiers[:count].reshape(count, slots, -1)[:, (k - self.past) % slots] += lots[:, k]
            for day in range(pend.shape[1]):
                chunk.pend_tiers[:count].reshape(count, width, -1)[:, min(day, width - 1) % width] += pend[:, day]
        waiting = chunk.pend[:count] > 0
        m["pend_day"] = np.where(waiting.any(axis=1), waiting.argmax(axis=1), NEVER)
        if self.refunds.shape[1]:  # as many days as the tables have, or fewer
            waits = chunk.refunds[:count, : self.refunds.shape[1]]
            waits[...] = self.refunds[rows]
            waits["spendable"] = np.minimum(waits["spendable"], width - 1)  # as their points, above
        if chunk.quals.shape[1] == self.quals.shape[1]:
            chunk.quals[:count] = self.quals[rows]
        wallet = chunk.wallet[:count]
        wallet["period"], wallet["next"], wallet["mark"] = -1, NEVER, -1.0
        for j, name in enumerate(names):
            if name in self.incentives:
                wallet[:, j] = self.wallet[rows, self.incentives.index(name)]
        m["cohort"], m["tier0"] = 0, -1


def _clock_time(t: Tables, op: Floats) -> Floats:
    """Moments of operational times counted from the start of the run."""
    if t.p["steady"][0]:
        return op
    op_end, end = float(t.p["op_end"][0]), float(t.p["end"][0])
    inside = np.clip(op, 0.0, op_end)
    k = np.clip(np.searchsorted(t.days["op"], inside, side="right") - 1, 0, int(end) - 1)
    moment = k + (inside - t.days["op"][k]) / t.days["speed"][k]
    return np.asarray(np.where((op < 0.0) | (op >= NEVER / 2), op, np.where(op >= op_end, end + (op - op_end), moment)))
