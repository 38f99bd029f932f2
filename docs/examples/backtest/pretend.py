"""Plays what members of corner-shop did, so that the example can be walked: a year and a half, simulated.

    python pretend.py     writes activity.csv, one row a member and day with purchases
"""

import numpy as np
import pandas as pd

from scenarios.files import load
from sim.outcome import simulate
from sim.state import WATCHED

MONTHS = 18


def main() -> None:
    scenario = load("../finance/corner-shop.yaml")
    longer = scenario.model_copy(update={"horizon": scenario.horizon.model_copy(update={"months": MONTHS})})
    start = pd.Timestamp(scenario.horizon.start)
    days = (start + pd.DateOffset(months=MONTHS) - start).days
    watched = simulate(longer, seed=2, draw=2, watch=(0.0, 1.0, days)).watch
    assert watched is not None
    who, day = np.nonzero(watched[:, :, WATCHED.index("purchases")])
    cell = dict(zip(WATCHED, watched[who, day].T, strict=True))
    rows = {
        "customer": [f"c{k:04d}" for k in who],
        "day": start + pd.to_timedelta(day, unit="D"),
        "amount": cell["list_value"] / 100,
        "points_used": cell["points_redeemed"],
        "benefits": cell["benefit_cost"] / 100,
        "receipts": cell["purchases"],
    }
    pd.DataFrame(rows).to_csv("activity.csv", index=False)


if __name__ == "__main__":
    main()
