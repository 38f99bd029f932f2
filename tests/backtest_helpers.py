"""A programme's activity as its own tables would have it, from a simulated run of which everything is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scenes import scenario

from scenarios.finance.backtest.activity import Columns
from sim.effects import EFFECTS
from sim.outcome import simulate
from sim.scenario import Scenario
from sim.state import WATCHED

COLUMNS = Columns("member", "day", "value", "earned", "redeemed", "cost", "tier", "purchases")
REWARD = 300


def programme(
    *, members: int = 3000, months: int = 12, leaving: float = 0.03, price: int = REWARD, new: float = 0.0, rate: float = 0.05,
    **effects: float,
) -> Scenario:  # fmt: skip
    """A programme with three tiers for ever and one reward; every effect off but those named, at the strength given."""
    on = {effect.name: {"on": effect.name in effects} for effect in EFFECTS}
    for name, strength in effects.items():
        on[name] = {"on": True, "strength": strength}
    return scenario(
        {
            "name": "known",
            "population": {
                "members": members, "purchase_rate": {"mean": rate, "shape": 1.5}, "leaving": {"probability": leaving},
                "basket": {"median": 40.0, "sigma": 0.5, "sigma_between": 0.4, "rate_correlation": 0.3},
                "new_members_per_month": new, "first_purchase_on_joining": True,
            },
            "programme": {
                "name": "points", "earning": {"points_per_unit": 1.0, "base": "list"},
                "tiers": [{"name": "blue"}, {"name": "silver", "requires": {"spend": 400.0}},
                          {"name": "gold", "requires": {"spend": 1000.0}}],
                "qualification": {"window": "cumulative", "base": "list", "upgrade": "at_once", "downgrade": "never"},
                "rewards": [{"name": "mug", "points": price, "value": 4.0, "cost": 2.4}],
            },
            "behaviour": {"redeeming": {"probability": 0.5}, "effects": on},
            "horizon": {"months": months},
        }
    )  # fmt: skip


def activity(design: Scenario, seed: int) -> pd.DataFrame:
    """A row a member and day with purchases: what the run did, in the columns of COLUMNS."""
    start = pd.Timestamp(design.horizon.start)
    end = start + pd.DateOffset(months=design.horizon.months)
    watched = simulate(design, seed=seed, watch=(0.0, 1.0, (end - start).days)).watch
    assert watched is not None
    at = WATCHED.index
    who, day = np.nonzero(watched[..., at("purchases")])
    cell = watched[who, day]
    listed = cell[:, at("list_value")]
    rows = pd.DataFrame(
        {
            "member": [f"m{k:05d}" for k in who],
            "day": start + pd.to_timedelta(day, unit="D"),
            "value": listed / 100,
            "earned": listed // 100,
            "redeemed": cell[:, at("points_redeemed")],
            "cost": cell[:, at("benefit_cost")] / 100,
            "purchases": cell[:, at("purchases")],
        }
    )
    spent = rows.groupby("member").value.cumsum()
    return rows.assign(tier=np.select([spent >= 1000, spent >= 400], ["gold", "silver"], "blue"))
