"""The fictional airline programme beside the repository, as tables that `loyalsim backtest` takes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from scenes import scenario

from scenarios.finance.backtest.activity import Columns
from sim.scenario import Scenario

DATA = Path(__file__).parents[2] / "shared" / "data"
ACTIVITY = DATA / "airline_activity_2017.parquet"
MEMBERS = DATA / "airline_members_asof_2017-12-31.parquet"
COLUMNS = Columns(
    "member_id", "year,month", "distance_km", "points_earned", "points_redeemed", "redeem_cost_cad", purchases="total_flights"
)
TIERS = ("Star", "Nova", "Aurora")


def airline() -> Scenario:
    """Points for kilometres; tiers that nobody reaches by flying, since the data do not say how one does."""
    tiers = [{"name": TIERS[0]}, *({"name": name, "requires": {"spend": 1e9}} for name in TIERS[1:])]
    return scenario(
        {
            "name": "airline",
            "population": {"purchase_rate": {"mean": 0.02, "shape": 1.0}, "basket": {"median": 2000.0, "sigma": 0.5}},
            "programme": {
                "name": "kilometres", "earning": {"points_per_unit": 0.1, "base": "list"}, "tiers": tiers,
                "qualification": {"downgrade": "never"},
                "rewards": [{"name": "flight", "points": 500, "value": 40.0, "cost": 40.0}],
            },
            "market": {"currency": "CAD"},
        }
    )  # fmt: skip


def members() -> pd.DataFrame:
    """Members, the month in which they joined, and their tier (of 31 December 2017; the file knows no other)."""
    table = pd.read_parquet(MEMBERS)
    joined = pd.to_datetime({"year": table.enroll_year, "month": table.enroll_month, "day": 1})
    return pd.DataFrame({"member": table.member_id.astype(str), "joined": joined, "tier": table.tier.astype(str)})
