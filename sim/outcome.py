"""What a run leaves behind: exact integer tallies, from which every measure is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from sim import tally
from sim.clock import ProgrammeClock
from sim.errors import InputError
from sim.handover import opening_after
from sim.limits import MOST_MEMBERS, MOST_SEED
from sim.opening import Opening
from sim.production import CHUNK, Crew
from sim.reference import Reference
from sim.room import Room
from sim.scenario import Scenario
from sim.state import STATE, Chunk, empty_chunk
from sim.tables import BOUND, Tables, with_budget
from sim.tabulating import compile_tables
from sim.typing import Array, Ints
from sim.undefined import formula_without_value


@dataclass
class Outcome:
    """Sums over all members of one run."""

    scenario: Scenario
    tables: Tables
    cube: Ints
    """(months, tiers, segments, tallies), see sim.tally"""
    survival: Ints
    """(cohorts, months, 2) members not lapsed at month end, with the programme and without; cohort 0 was there at the start"""
    cohorts: Ints
    """(past months + months + 1, months, tiers, 4) points by month of credit (the last row: after the run), month and tier at
    which they were earned: issued, redeemed, expired, clawed back; empty where cohorts were not asked for"""
    migration: Ints
    """(tiers, tiers) members from the tier in the middle of the run to the tier at its end"""
    repurchase: Ints
    """(2,) members whose first purchase in the run is at least 30 days before its end; of those, a second within 30 days"""
    grants: Ints
    """(incentives,) how often each was given or announced in the run, in the order of the table"""
    members: Array | None = None
    """(n,) final state of every member (sim.member.MEMBER), where it was asked for"""
    watch: Ints | None = None
    """(n, periods, watched) what single members did in each watched period (sim.state.WATCHED)"""

    state: Opening | None = None
    """what a run needs that goes on from the end of this one, where it was asked for"""
    served: dict[int, int] = field(default_factory=dict)
    """of incentives that a budget closed at a month end: the key of the member at whom; by tables.closes_for nobody has them from
    then on"""
    seen: Array | None = None
    """(n,) state of every member at the start of the day that was asked for"""

    @property
    def n(self) -> int:
        """Members who were there at the start."""
        return int(self.tables.p["n_start"][0])

    def total(self, name: str) -> int:
        """A tally over the whole run."""
        return int(self.cube[..., tally.NAMES.index(name)].sum())

    def by_month(self, name: str) -> Ints:
        """(months,) of a tally."""
        return np.asarray(self.cube[..., tally.NAMES.index(name)].sum(axis=(1, 2)))


SUMS = ("cube", "survival", "cohorts", "migration", "repurchase")
"""arrays of a chunk that are sums over its members"""


@dataclass
class _Sums:
    """Gathers finished chunks; integers, so the order does not matter."""

    tables: Tables
    room: Room
    keep: bool
    keep_state: bool = False
    cube: Ints = field(init=False)
    survival: Ints = field(init=False)
    cohorts: Ints = field(init=False)
    migration: Ints = field(init=False)
    repurchase: Ints = field(init=False)
    grants: Ints = field(init=False)
    kept: dict[int, tuple[Array, Ints]] = field(default_factory=dict)
    states: dict[int, dict[str, Array]] = field(default_factory=dict)
    undefined: list[tuple[int, int]] = field(default_factory=list)
    """(first, members) of chunks in which a formula gave no number"""
    lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        empty = empty_chunk(self.tables, 0)
        for name in SUMS:
            setattr(self, name, getattr(empty, name))
        self.grants = np.zeros(len(self.tables.incentives), np.int64)

    def add(self, first: int, chunk: Chunk) -> None:
        m = chunk.members
        grants = chunk.wallet["given"].sum(axis=0)[: len(self.grants)]
        counted = self.room.counts(chunk, int(grants.sum()))  # by every thread for itself
        with self.lock:
            self.room.take(counted)
            for name in SUMS:
                mine = getattr(self, name)
                mine += getattr(chunk, name)
            self.grants += grants
            if chunk.cube[0, tally.NO_NUMBER]:
                self.undefined.append((first, len(m)))
            if self.keep:
                self.kept[first] = (m.copy(), chunk.watch.copy())
            if self.keep_state:
                self.states[first] = {name: getattr(chunk, name).copy() for name in STATE}


def simulate(
    scenario: Scenario, *, members: int | None = None, seed: int = 0, draw: int | None = None,
    score: dict[str, float] | None = None, threads: int | None = None, chunk: int = CHUNK,
    meetings: Sequence[float] = (), keep: bool = False, watch: tuple[float, float, int] = (0.0, 1.0, 0),
    cohorts: bool = False, opening: Opening | None = None, keep_state: bool = False, look: float | None = None,
    shocks: int | None = None,
) -> Outcome:  # fmt: skip
    """Run a scenario with the production driver. Most runs state `members` and `seed` and nothing else.

    Luck and parameters. members: number at the start (default: the population's); seed: luck; draw: number of the parameter draw
    (None: the means); score: normal scores that replace the draw's for single effect parameters; shocks: seed of what befalls all
    members at once (default: `seed`), for runs whose members live side by side in one world.

    What is kept besides the sums. keep: the final state of every member; watch: (first day, days a period, periods) for which
    single members are recorded (implies keep); look: day (a whole number inside the run) at whose start the state of every member
    is returned as well; cohorts: tally points by month of credit.

    Going on. keep_state: return what a run needs that goes on from the end, as `state`; opening: members to go on from, instead
    of new ones (members is then not used).

    How the work is cut, which changes no result. threads: default all cores; chunk: members at a time; meetings: whole days at
    which all members are brought to the same moment.

    Raises InputError where a number is out of bounds (WHOLE_NUMBERS), a day lies outside the run, a response exceeds the engine's
    bound, the scenario cannot go on from the opening, or amounts are too large to be counted (sim.room).
    """
    numbers = {"seed": seed, "draw": draw, "shocks": shocks, "threads": threads, "chunk": chunk}
    numbers["members"] = None if opening else members
    _check(scenario, numbers, {"meetings": meetings, "look": [] if look is None else [look]}, score or {})
    t = compile_tables(
        scenario, members=members, seed=seed, draw=draw, score=score, watch=watch, cohorts=cohorts, opening=opening,
        goes_on=keep_state, shocks=shocks,
    )
    sums = _Sums(t, Room(scenario, t), keep or watch[2] > 0, keep_state)
    stays = bool(meetings) or look is not None or len(with_budget(t.incentives)) > 0
    names = [x.name for x in scenario.programme.incentives]
    crew = Crew(t, threads=threads, chunk=chunk, stays=stays, done=sums.add, opening=opening, incentives=names)
    clock = ProgrammeClock(crew, meetings, look)
    clock.run()
    outcome = _outcome_of(scenario, t, sums, opening)
    outcome.seen, outcome.served = clock.seen, clock.served
    if keep_state:
        parts = [sums.states[first] for first in sorted(sums.states)]
        everybody = empty_chunk(t, 0)._replace(**{name: np.concatenate([part[name] for part in parts]) for name in STATE})
        left = {j: int(budget.level) for j, budget in clock.budgets.items()}
        outcome.state = opening_after(scenario, t, everybody, left)
    return outcome


WHOLE_NUMBERS = {
    "members": (1, MOST_MEMBERS), "seed": (0, MOST_SEED), "draw": (0, MOST_SEED), "shocks": (0, MOST_SEED), "threads": (1, 4096),
    "chunk": (1, MOST_MEMBERS),
}  # fmt: skip
"""least and most of what a run is told"""


def _check(
    scenario: Scenario, numbers: dict[str, int | None], days: dict[str, Sequence[float]], score: dict[str, float]
) -> None:
    """Raise InputError where a run of such numbers, meeting points on such days and parameters of such names cannot be."""
    problems = []
    for name, found in numbers.items():
        least, most = WHOLE_NUMBERS[name]
        if found is not None and (found != int(found) or not least <= found <= most):
            problems.append(f"{name}: found {found}, allowed is a whole number from {least} to {most:,}")
    known = [f"{effect.name}.{p.name}" for effect in scenario.behaviour.known() for p in effect.parameters]
    problems += [f"score: found {name}, allowed is effect.parameter, as {known[0]}" for name in score if name not in known]
    horizon = scenario.horizon
    last = (horizon.end - horizon.start).days
    for name, moments in days.items():
        for day in moments:
            if day != int(day) or not 0 <= day <= last:
                problems.append(f"{name}: found day {day:g}, allowed is a whole day of the run, 0 to {last:,}")
    if problems:
        raise InputError(*problems)


def simulate_reference(
    scenario: Scenario, *, members: int | None = None, seed: int = 0, draw: int | None = None, cohorts: bool = False,
    opening: Opening | None = None,
) -> Outcome:  # fmt: skip
    """Run a scenario with the reference driver; arguments as in `simulate`. Every member's state is kept."""
    t = compile_tables(scenario, members=members, seed=seed, draw=draw, cohorts=cohorts, opening=opening)
    run = Reference(t, opening, [x.name for x in scenario.programme.incentives])
    run.run()
    sums = _Sums(t, Room(scenario, t), keep=True)
    sums.add(0, run.plain)
    return _outcome_of(scenario, t, sums, opening)


def _outcome_of(scenario: Scenario, t: Tables, sums: _Sums, opening: Opening | None = None) -> Outcome:
    """The outcome of finished chunks; refuses a run in which a response exceeded the bound or a formula gave no number."""
    cube = sums.cube.reshape(len(t.months), len(t.tiers), len(t.segments), tally.SIZE)
    over = int(cube[..., tally.OVER_BOUND].sum())
    if over:
        raise InputError(
            scenario.told(
                ("behaviour", "effects"),
                f"together the effects multiply a member's purchase rate by more than {BOUND:g} at {over} moments; "
                f"the engine allows up to {BOUND:g}: lower the strengths or the discounts",
            )
        )
    if sums.undefined:
        path, whose = formula_without_value(scenario, t, *min(sums.undefined), opening)
        raise InputError(
            scenario.told(
                ("behaviour", "own_effects", *path),
                f"{whose} the formula gives no number: it divides by 0 there, takes the log of what is not above 0 or the root "
                "of what is below 0, or reckons beyond 1e308",
            )
        )
    kept = [sums.kept[first] for first in sorted(sums.kept)]
    watched = bool(kept) and t.p["watch_periods"][0] > 0
    return Outcome(
        scenario=scenario,
        tables=t,
        cube=cube,
        survival=sums.survival,
        cohorts=sums.cohorts,
        migration=sums.migration,
        repurchase=sums.repurchase,
        grants=sums.grants - _given_before(scenario, opening),
        members=np.concatenate([m for m, _ in kept]) if kept else None,
        watch=np.concatenate([w for _, w in kept]) if watched else None,
    )


def _given_before(scenario: Scenario, opening: Opening | None) -> Ints:
    """(incentives,) grants that members to go on from had before the run."""
    names = [x.name for x in scenario.programme.incentives]
    before = np.zeros(len(names), np.int64)
    for k, name in enumerate(names):
        if opening is not None and name in opening.incentives:
            before[k] = opening.wallet["given"][:, opening.incentives.index(name)].sum()
    return before
