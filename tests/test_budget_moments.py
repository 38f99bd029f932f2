"""A budget that is spent at a month end, and who else asks at that very moment: every driver and the log say the same."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import numpy as np
import pytest
from scenes import PLAIN, scenario

from sim import tally
from sim.log import member_log
from sim.outcome import Outcome, simulate, simulate_reference
from sim.scenario import Scenario

MEMBERS = 40


def shop(seed: int) -> Scenario:
    """A gift for reaching gold from a tight budget: at the review of a month end, or by the call of the day that then begins."""
    draw = random.Random(seed)
    gift = {"cost": float(draw.randint(1, 3)), "value": 2.0}
    rows: list[dict[str, Any]] = [
        {"name": "gold", "when": {"event": "tier_reached", "tier": "gold"}, "give": {"gift": gift},
         "budget": draw.uniform(3.0, 25.0)},
        {"name": "call", "when": {"event": "calendar", "days_of_month": [1]}, "give": {"tier": "gold"},
         "valid_from": dt.date(2027, 2, 1), "limit": 1, "only": {"segments": ["called"]}},
        {"name": "task", "when": {"event": "task", "per_month": 1.0}, "give": {"points": 10}, "budget": draw.uniform(2.0, 20.0)},
    ]  # fmt: skip
    if draw.random() < 0.5:
        rows.append({"name": "early", "when": {"event": "birthday"}, "give": {"tier": "gold", "points": 10}, "budget": 4.0})
    programme = {
        "name": "gold",
        "earning": {"points_per_unit": 1.0},
        "tiers": [{"name": "silver"}, {"name": "gold", "requires": {"purchases": draw.randint(1, 4)}, "price": 0.9}],
        "qualification": {"upgrade": "at_review", "review_every_months": 1, "downgrade": "full", "window": "rolling",
                          "months": 2},
        "incentives": rows,
    }
    share = draw.choice([0.3, 0.7])
    return scenario(
        {**PLAIN, "programme": programme},
        population__segments=[{"name": "called", "share": share}, {"name": "other", "share": 1.0 - share}],
        economics={"cost_per_point": 0.1}, horizon={"months": 4},
    )  # fmt: skip


def logged(s: Scenario, seed: int, o: Outcome) -> np.ndarray:
    """The tallies of a run, added up from the log of all its members."""
    log = member_log(s, 10**6, members=MEMBERS, seed=seed)
    tiers, segments = [tier.name for tier in s.programme.tiers], [segment.name for segment in s.population.segments]
    place = [tiers.index(x) for x in log["tier"]], [segments.index(x) for x in log["segment"]]
    cube = np.zeros_like(o.cube)
    np.add.at(cube, (log["month"], *place, [tally.NAMES.index(x) for x in log["what"]]), log["amount"])
    return cube


@pytest.mark.parametrize("seed", range(16))
def test_what_a_budget_gives_at_one_moment_is_told_alike(seed: int) -> None:
    s = shop(seed)
    o = simulate(s, members=MEMBERS, seed=seed)
    np.testing.assert_array_equal(o.cube, simulate_reference(s, members=MEMBERS, seed=seed).cube)
    np.testing.assert_array_equal(o.cube, logged(s, seed, o))
