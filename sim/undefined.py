"""Which formula of a user's own effects gave no number, and when: a member is lived again, formula by formula."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sim import tally
from sim.opening import Opening
from sim.own_effects import PARTS
from sim.production import Crew
from sim.reference import Reference
from sim.rules.own import FORMULAS
from sim.scenario import Scenario
from sim.state import Chunk
from sim.tables import NO_BUDGET, Tables


def formula_without_value(scenario: Scenario, t: Tables, first: int, n: int, opening: Opening | None) -> tuple[list[str], str]:
    """(effect and key, of which member and day) of the first formula without a value in the life of the first of the members
    first .. first + n - 1 who meets one; one of them does. t: the tables of the finished run. Where none is found any more, no
    effect, and the names of all that act."""
    rows = t.incentives.copy()
    rows["budget"] = NO_BUDGET  # when they were spent is known by now
    t = t._replace(incentives=rows)
    names = [x.name for x in scenario.programme.incentives]
    met: list[int] = []

    def look(member: int, chunk: Chunk) -> None:
        if chunk.cube[:, tally.NO_NUMBER].any():
            met.append(member)

    crew = Crew(t, threads=1, chunk=1, done=look, opening=opening, incentives=names)
    for member in range(first, first + n):
        crew.firsts = range(member, member + 1)
        crew.now = 0.0
        crew.advance(float(t.p["end"][0]))
        if met:
            break
    else:  # who was served last by a budget spent at a month end is not known here, and they may be the one
        return [], f"of {' or '.join(scenario.behaviour.acting())}"
    key, moment = _lived_again(t, met[0], opening, names)
    return key.split("."), f"of member {met[0]} on {scenario.horizon.start + dt.timedelta(days=int(moment))}"


def _lived_again(t: Tables, member: int, opening: Opening | None, names: list[str]) -> tuple[str, float]:
    """`effect.key` and moment of the first formula without a value."""
    found: list[tuple[str, float]] = []

    def told(address: int) -> Any:
        def formulas(m: Any, i: Any, s: Any, t: Any, now: Any) -> float:
            total = 0.0
            for key, part in PARTS[address]:
                before = s.cube[0, tally.NO_NUMBER]
                value = part(m, i, s, t, now)
                total += value
                if value != value or s.cube[0, tally.NO_NUMBER] > before:
                    found.append((key, float(now)))
            return total

        return formulas

    kept = dict(FORMULAS)
    FORMULAS.update({address: told(address) for address in PARTS})
    try:
        if opening is not None and member < opening.n:
            Reference(t, opening.part([member]), names, numbers=[0]).run()
        else:
            Reference(t, numbers=[member]).run()
    finally:
        FORMULAS.update(kept)
    return found[0]
