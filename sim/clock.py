"""The programme's clock: one simpy.Environment in whole days, one process for each activity that needs all members.

What is known in advance (reviews, lapse of points, campaign dates, month ends) is a timetable by which every member lives on
their own. Only what needs other members' state is a meeting point here: shared budgets, snapshots, the end of the run. Before
an activity reads members it calls `advance`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from heapq import heappush
from typing import Any

import numpy as np
import simpy

from sim.production import Crew
from sim.tables import with_budget
from sim.typing import Array, Floats, Ints

# Same-instant order of activities; a lower one goes first. A month ends before its members' next day begins.
ACCOUNTING, SNAPSHOT, LIVES = range(3)
_KIND = 10**10


class Clock(simpy.Environment):
    """An environment that can schedule at an exact moment, in an explicit order among events of one moment."""

    def at(self, moment: float, kind: int, number: int = 0) -> simpy.Event:
        """An event at `moment` itself: a timeout would happen at now + (moment - now), which rounds.

        number: order among events of one kind at one moment (0 .. 1e10).
        """
        event = simpy.Event(self)
        event._ok, event._value = True, None
        entry: Any = (moment, kind * _KIND + number, next(self._eid), event)
        heappush(self._queue, entry)
        return event


class ProgrammeClock:
    """The activities of one run on one clock.

    meetings: whole days at which all members are to be brought to the same moment; no result depends on them.
    look: a whole day at whose start the state of every member is kept in `seen`; it needs a crew that stays.
    """

    def __init__(self, crew: Crew, meetings: Sequence[float] = (), look: float | None = None) -> None:
        self.crew = crew
        self.clock = Clock()
        t = crew.t
        self.budgets = {
            int(j): simpy.Container(self.clock, init=int(t.incentives["budget"][j]))
            for j in with_budget(t.incentives)
        }
        self.clock.process(self._close(float(t.p["end"][0])))
        if self.budgets:
            self.clock.process(self._watch_budgets())
        for moment in meetings:
            self.clock.process(self._meet(moment))
        self.served: dict[int, int] = {}
        """of incentives that a budget closed at a month end: the key of the member at whom"""
        self.seen: Array | None = None
        if look is not None:
            self.clock.process(self._look(look))

    def run(self) -> None:
        """Let the programme run to its end."""
        self.clock.run()

    def _close(self, end: float) -> Generator[simpy.Event, Any, None]:
        yield self.clock.at(end, SNAPSHOT)
        self._advance()
        self.crew.finish()

    def _meet(self, moment: float) -> Generator[simpy.Event, Any, None]:
        yield self.clock.at(moment, ACCOUNTING)
        self._advance()

    def _look(self, moment: float) -> Generator[simpy.Event, Any, None]:
        yield from self._meet(moment)
        self.seen = np.concatenate([chunk.members for chunk in self.crew.chunks])

    def _watch_budgets(self) -> Generator[simpy.Event, Any, None]:
        """Month by month while money is left: the shorter the window, the less there is to live again."""
        for month in self.crew.t.months:
            yield self.clock.at(float(month["end"]), ACCOUNTING)
            self._advance()
            if all(self.crew.t.closes[j] <= self.clock.now for j in self.budgets):
                return

    def _advance(self) -> None:
        """Bring all members to now. A budget that ran out on the way is found at the grant that did not fit; the window is
        lived again with that moment known, and so on until every grant of the window fits."""
        now = float(self.clock.now)
        if not self.budgets or now <= self.crew.now:
            self.crew.advance(now)
            return
        before = self.crew.snapshot()
        while True:
            self.crew.advance(now)
            found = self.crew.grants()
            closing = None if found is None else self._first_that_does_not_fit(*found)
            if found is not None and closing is None:
                break
            if closing is not None:
                moment, member, j = closing
                self.crew.t.closes[j], self.crew.t.closes_for[j] = moment, member
            self.crew.restore(before)
        for j, budget in self.budgets.items():
            spent = int(found[1][found[1][:, 1] == j, 2].sum())
            if spent:
                budget.get(spent)
        self.crew.forget()
        self.served |= shut(self.crew.t.closes, self.crew.t.closes_for, now)

    def _first_that_does_not_fit(self, moments: Array, rows: Ints) -> tuple[float, int, int] | None:
        first: tuple[float, int, int] | None = None
        for j, budget in self.budgets.items():
            mine = rows[:, 1] == j
            order = np.lexsort((rows[mine, 0], moments[mine]))
            total = np.cumsum(rows[mine, 2][order])
            over = np.flatnonzero(total > budget.level)
            if len(over):
                k = order[over[0]]
                candidate = (float(moments[mine][k]), int(rows[mine, 0][k]), j)
                first = candidate if first is None else min(first, candidate)
        return first


def shut(closes: Floats, closes_for: Ints, now: float) -> dict[int, int]:
    """Keep from all members what budgets closed at `now`, a month end that is over: the day that begins has the same moment.

    closes, closes_for: (incentives,) see sim.tables. Returns the keys that stood in closes_for, by incentive.
    """
    kept = {int(j): int(closes_for[j]) for j in np.flatnonzero(closes == now)}
    closes_for[list(kept)] = 0  # nobody's key is lower
    return kept
