"""A budget shared by all members is exact, and the first grant that does not fit closes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scenes import scenario

from sim.clock import Clock, ProgrammeClock
from sim.outcome import simulate
from sim.production import Crew
from sim.reference import Reference
from sim.tabulating import compile_tables


def gifts(budget: float | None, event: dict[str, Any]) -> dict[str, Any]:
    row = {"name": "gift", "when": event, "give": {"gift": {"cost": 7.0, "value": 9.0}}}
    return {
        "name": "gifts",
        "population": {"purchase_rate": {"mean": 0.05, "shape": 2.0}, "basket": {"median": 40.0, "sigma": 0.6}},
        "programme": {"incentives": [{**row, **({"budget": budget} if budget else {})}]},
        "horizon": {"months": 6},
    }


@pytest.mark.parametrize("event", [{"event": "first_purchase"}, {"event": "sign_up"}, {"event": "purchase"}])
@pytest.mark.parametrize("budget", [7.0, 100.0, 3000.0])
def test_budget_is_spent_to_the_last_grant_that_fits(event: dict, budget: float) -> None:
    """Also where thousands of grants fall on one moment (sign-up at the launch)."""
    o = simulate(scenario(gifts(budget, event)), members=3000, seed=2)
    assert o.total("gift_cost") == budget // 7.0 * 700


def test_who_gets_it_is_first_come_first_served() -> None:
    """The members served are those whose first purchases come first."""
    free = simulate(scenario(gifts(None, {"event": "first_purchase"})), members=2000, seed=2, keep=True)
    t = compile_tables(scenario(gifts(700.0, {"event": "first_purchase"})), members=2000, seed=2)
    crew = Crew(t, stays=True)
    ProgrammeClock(crew).run()
    served = np.concatenate([chunk.wallet["given"][:, 0] for chunk in crew.chunks]) > 0
    assert free.members is not None
    assert served.sum() == 100
    assert set(np.flatnonzero(served)) == set(np.argsort(free.members["first_buy"])[:100])


def test_a_budget_that_is_never_reached_changes_nothing() -> None:
    a, b = (simulate(scenario(gifts(x, {"event": "purchase"})), members=1000, seed=2) for x in (None, 1e6))
    np.testing.assert_array_equal(a.cube, b.cube)


def test_simpy_keeps_the_order_of_one_moment() -> None:
    """Review < expiry < campaign < accounting < snapshot at the same moment, whatever the order of scheduling."""
    clock = Clock()
    seen: list[tuple[int, int]] = []

    def activity(kind: int, number: int):
        yield clock.at(31.0, kind, number)
        seen.append((kind, number))

    order = np.random.default_rng(1).permutation(18)
    for k in order:
        clock.process(activity(int(k) % 6, int(k) // 6))
    clock.run()
    assert seen == sorted(seen)
    assert clock.now == 31.0


def test_moments_are_exact() -> None:
    """No sum of a delay: 17.3 -> 18 arrives at 18, not beside it."""
    clock = Clock()
    found = []

    def walk():
        for moment in (17.3, 18.0, 456.789, 457.0):
            yield clock.at(moment, 0)
            found.append(clock.now)

    clock.process(walk())
    clock.run()
    assert found == [17.3, 18.0, 456.789, 457.0]


def test_the_reference_spends_budgets_exactly_too() -> None:
    run = Reference(compile_tables(scenario(gifts(100.0, {"event": "purchase"})), members=60, seed=2))
    run.run()
    assert run.left == {0: 10_000 - 14 * 700}
