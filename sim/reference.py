"""The reference driver: the rules as they stand, one SimPy process a member on one global clock.

The oracle of the tests, the debugger, and the place to read how the model works: slow, and simple enough to be believed. It
shares the rules and the random words with production, and nothing of how members are driven.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import numpy as np
import simpy

from sim.clock import ACCOUNTING, LIVES, SNAPSHOT, Clock, shut
from sim.opening import Opening
from sim.rules.birth import be_born, resume
from sim.rules.life import cell_of, happen, next_event
from sim.rules.moments import call
from sim.rules.monthend import account, campaign, lapse_points, review_tier
from sim.state import Chunk, empty_chunk
from sim.tables import Tables, with_budget

EVERYBODY = 2**62
"""a key above all members'"""
Seen = Callable[[int, float, int], None]
"""What is told of an act: the place of the member, the moment in days, the month."""


class Reference:
    """One run; `chunk` holds all members and can be looked at while the clock runs.

    numbers: of the members who live, all that the run has unless stated; those of a shared budget need all, unless `t` says when
    it was spent, and `served` (Outcome.served) of a month end at whom.
    seen: called after everything that a member does or that is done with them.
    """

    def __init__(
        self, t: Tables, opening: Opening | None = None, incentives: Sequence[str] = (), numbers: Sequence[int] | None = None,
        seen: Seen = lambda i, moment, month: None, served: dict[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.t = Tables(*(_named(a) for a in t))
        self.seen, self.served = seen, served or {}
        n_start, first_new = int(t.p["n_start"][0]), int(t.p["first_new"][0])
        if numbers is None:
            numbers = range(n_start + int(t.p["new_per_month"][0]) * len(t.months))
        n = len(numbers)
        self.plain = empty_chunk(t, n, capacity=64, visits=n)
        self.chunk = Chunk(*(_named(a) for a in self.plain))
        self.clock = Clock()
        self.left = {int(j): int(t.incentives["budget"][j]) for j in with_budget(t.incentives)}
        self.month_turns = self.clock.event()
        known = 0
        if opening is not None:
            known = opening.n
            opening.install(self.plain, t, incentives, 0, known)
        for i, number in enumerate(numbers):
            if i < known:
                resume(self.chunk.members[i], i, self.chunk, self.t)
            else:
                be_born(self.chunk.members[i], i, self.chunk, self.t, first_new + number - n_start)
            self.clock.process(self._life(i))
        self.clock.process(self._programme())

    def run(self) -> None:
        """To the end of the run."""
        with np.errstate(all="ignore"):
            self.clock.run()

    def _life(self, i: int) -> Generator[simpy.Event, Any, None]:
        m = self.chunk.members[i]
        for k, month in enumerate(self.t.months):
            calls = list(self.t.calls[month.first_call : month.last_call])
            while True:
                moment = float(next_event(m))
                called = len(calls) > 0 and calls[0].at < moment
                if called:
                    moment = float(calls[0].at)
                if moment >= month.end:
                    break
                yield self.clock.at(moment, LIVES, i)
                act = partial(self._call, calls.pop(0)) if called else partial(self._happen, moment)
                self._within_budget(i, partial(act, i, k))
                self.seen(i, moment, k)
            yield self.month_turns  # what the month end does may give them something to wait for

    def _programme(self) -> Generator[simpy.Event, Any, None]:
        members = range(len(self.chunk.members))
        for k, month in enumerate(self.t.months):
            yield self.clock.at(float(month.end), ACCOUNTING)
            closing = np.flatnonzero(self.t.closes == month.end)  # by then or by the day that begins, where it is known already
            later = self.t.closes_for[closing]
            self.t.closes_for[closing] = [self.served.get(int(j), EVERYBODY) for j in closing]
            for i in members:
                for rule in (review_tier, campaign, lapse_points, account):
                    if self.chunk.members[i].joined <= month.end:
                        self._within_budget(i, partial(self._at_month_end, rule, i, k))
                        self.seen(i, float(month.end), k)
            self.t.closes_for[closing] = later
            if self.left:
                shut(self.t.closes, self.t.closes_for, float(month.end))
            yield self.clock.at(float(month.end), SNAPSHOT)
            turned, self.month_turns = self.month_turns, self.clock.event()
            turned.succeed()

    def _happen(self, moment: float, i: int, month: int) -> None:
        happen(self.chunk.members[i], i, self.chunk, self.t, month, float(np.nextafter(moment, np.inf)))

    def _call(self, x: Any, i: int, month: int) -> None:
        m = self.chunk.members[i]
        call(m, i, self.chunk, self.t, x.incentive, float(x.at), month, cell_of(m, self.t, month))

    def _at_month_end(self, rule: Callable[..., None], i: int, month: int) -> None:
        m = self.chunk.members[i]
        rule(m, i, self.chunk, self.t, month, cell_of(m, self.t, month))

    def _within_budget(self, i: int, act: Any) -> None:
        """Do something for member `i`; if a grant does not fit its budget, close it and do it again without."""
        if not self.left:
            act()
            return
        before = self.plain.copy()
        while True:
            act()
            spent: dict[int, int] = {}
            n = int(self.plain.n_spent[0])
            for moment, (_, j, amount) in zip(self.plain.spent_at[:n], self.plain.spent[:n], strict=True):
                spent[int(j)] = spent.get(int(j), 0) + int(amount)
                if spent[int(j)] > self.left[int(j)]:
                    self.t.closes[int(j)], self.t.closes_for[int(j)] = moment, self.chunk.members[i].key
                    self.plain.restore(before)
                    break
            else:
                break
        for j, amount in spent.items():
            self.left[j] -= amount
        self.plain.n_spent[0] = 0


def _named(array: Any) -> Any:
    """Fields by attribute, as rules read them."""
    return array.view(np.recarray) if array.dtype.names else array
