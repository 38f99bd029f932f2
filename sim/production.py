"""The production driver: the rules compiled, chunks of members on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numba import float64, int64

from sim import state, tables
from sim.compiled import kernel, rule
from sim.memory import addresses, opener
from sim.opening import Opening
from sim.rules.birth import be_born, resume
from sim.rules.life import cell_of, happen, next_event
from sim.rules.moments import call
from sim.rules.monthend import end_month
from sim.state import Chunk, empty_chunk
from sim.tables import Tables

CHUNK = 2048
"""Members in a chunk. No result depends on it; the size lets a chunk's state live in a core's cache."""

PAYS = 10_000_000
"""Member months from which a kernel for plain runs is worth compiling. No result depends on it."""

Item = TypeVar("Item")
Made = TypeVar("Made")

_chunk = opener("Chunk", state.LAYOUT)
_tables = opener("Tables", tables.LAYOUT, fixed=True)
_plain_tables = opener("PlainTables", tables.LAYOUT, fixed=True, known={"p": tables.PLAIN})


@rule
def _lives(s, t, first, since, until):
    """Let the members of a chunk live from `since` to `until`, both whole days; before day 0 they have yet to be born."""
    p = t.p[0]
    first_month = t.days[int(max(since, 0.0))].month
    for i in range(s.members.shape[0]):
        m = s.members[i]
        if since < 0.0:
            if p.opened == 1 and first + i < p.n_start:
                resume(m, i, s, t)
            else:
                be_born(m, i, s, t, p.first_new + (first + i - p.n_start))
        month = first_month
        while month < t.months.shape[0] and t.months[month].start < until:
            end = min(until, t.months[month].end)
            k = t.months[month].first_call
            while True:
                listed = p.has_incentives == 1 and k < t.months[month].last_call and t.calls[k].at < end
                stop = t.calls[k].upto if listed else end
                while next_event(m) < stop:  # what falls on the end is of the next day, and not of this run if that is its end
                    happen(m, i, s, t, month, stop)
                if not listed:
                    break
                if t.calls[k].at >= since:
                    call(m, i, s, t, t.calls[k].incentive, t.calls[k].at, month, cell_of(m, t, month))
                k += 1
            if end == t.months[month].end and m.joined <= end:
                end_month(m, i, s, t, month)
            month += 1


@kernel
def _live(chunk, rules, first, since, until):
    """Any run."""
    _lives(_chunk(chunk), _tables(rules), first, since, until)


@kernel
def _live_plainly(chunk, rules, first, since, until):
    """A run of which PLAIN holds: the same rules, without what cannot happen in it."""
    _lives(_chunk(chunk), _plain_tables(rules), first, since, until)


def prepare() -> None:
    """Load the kernel for any run; the first time on a machine, compile it, which a first run would wait for without a word."""
    _live.compile((int64[::1], int64[::1], int64, float64, float64))  # type: ignore[attr-defined]


BEFORE = -1.0
"""A moment before members are born."""


class Crew:
    """All members of one run, in chunks.

    done: gets each finished chunk, to read before it returns: the chunk's memory is used again.
    stays: keep every chunk's state between calls of `advance`. Without it there can be one call only, to the end of the run,
    and a chunk is handed to `done` and dropped as soon as it is finished, so that memory does not grow with the members.
    opening: members to go on from, for whose wallets the names of the incentives are needed.
    """

    def __init__(
        self, t: Tables, *, threads: int | None = None, chunk: int = CHUNK, stays: bool = False,
        done: Callable[[int, Chunk], None] | None = None, opening: Opening | None = None, incentives: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.t = t
        self.opening, self.incentives = opening, incentives
        self.rules = addresses(t, tables.LAYOUT)
        self.total = int(t.p["n_start"][0] + t.p["new_per_month"][0] * len(t.months))
        plain = all(t.p[name][0] == value for name, value in tables.PLAIN.items())
        self.live = _live_plainly if plain and self.total * len(t.months) >= PAYS else _live
        self.firsts = range(0, self.total, chunk)
        self.size = chunk
        self.threads = threads or os.cpu_count() or 1
        self.now = 0.0
        self.stays = stays
        self.done = done
        self.budgeted = len(tables.with_budget(t.incentives)) > 0
        self.spare: list[Chunk] = []
        self.chunks: list[Chunk] = list(self._map(lambda first: self._begin(first, 0.0), self.firsts)) if stays else []

    def advance(self, until: float) -> None:
        """Let every member live up to the moment `until` (a whole day), what falls on it not included."""
        if until <= self.now:
            return
        if self.stays:
            self._map(lambda chunk: self._live(chunk, 0, self.now, until), self.chunks)
        else:
            self._map(lambda first: self._whole_life(first, until), self.firsts)
        self.now = until

    def snapshot(self) -> tuple[float, list[Chunk]]:
        """What `restore` needs."""
        return self.now, [chunk.copy() for chunk in self.chunks]

    def restore(self, snapshot: tuple[float, list[Chunk]]) -> None:
        """Back to the snapshot; it can be used again. Room for budgeted grants that grew meanwhile stays."""
        self.now = snapshot[0]
        for chunk, old in zip(self.chunks, snapshot[1], strict=True):
            chunk.restore(old)

    def grants(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(moments, rows of key of the member, incentive, minor units) of budgeted grants since the last `forget`.

        None when a chunk had no room to note them all; it then has more, and the window must be run again.
        """
        full = False
        for k, chunk in enumerate(self.chunks):
            n = int(chunk.n_spent[0])
            if n > len(chunk.spent_at):
                full = True
                self.chunks[k] = chunk._replace(spent_at=np.zeros(2 * n), spent=np.zeros((2 * n, 3), np.int64))
        if full:
            return None
        moments, rows = [], []
        for chunk in self.chunks:
            n = int(chunk.n_spent[0])
            moments.append(chunk.spent_at[:n].copy())
            found = chunk.spent[:n].copy()
            found[:, 0] = chunk.members["key"][found[:, 0]]
            rows.append(found)
        return np.concatenate(moments), np.concatenate(rows)

    def forget(self) -> None:
        """Start a new window of budgeted grants."""
        for chunk in self.chunks:
            chunk.n_spent[0] = 0

    def finish(self) -> None:
        """Hand over the chunks that stayed."""
        if self.stays and self.done is not None:
            for first, chunk in zip(self.firsts, self.chunks, strict=True):
                self.done(first, chunk)

    def _begin(self, first: int, until: float) -> Chunk:
        n = min(self.size, self.total - first)
        chunk = self._room(n)
        if self.opening is not None and first < self.opening.n:
            self.opening.install(chunk, self.t, self.incentives, first, min(n, self.opening.n - first))
        self._live(chunk, first, BEFORE, until)
        return chunk

    def _room(self, n: int) -> Chunk:
        try:
            chunk = self.spare.pop()
        except IndexError:
            return empty_chunk(self.t, n, capacity=2 * n if self.budgeted else 0)
        return chunk.emptied(n)

    def _whole_life(self, first: int, until: float) -> None:
        chunk = self._begin(first, until)
        if self.done is not None:
            self.done(first, chunk)
        if len(chunk.members) == self.size:
            self.spare.append(chunk)

    def _live(self, chunk: Chunk, first: int, since: float, until: float) -> None:
        self.live(addresses(chunk, state.LAYOUT), self.rules, first, since, until)

    def _map(self, work: Callable[[Item], Made], items: Sequence[Item]) -> list[Made]:
        if self.threads == 1 or len(items) < 2:
            return [work(item) for item in items]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(work, items))
