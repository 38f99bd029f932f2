"""Plays the programme's own tables, so that the example can be walked: a year of corner-shop, simulated, with three mistakes.

    python pretend.py     writes members.csv and lots.csv as they stand on 2026-12-31
"""

from datetime import date

import numpy as np
import pandas as pd

from scenarios.files import load
from sim.outcome import simulate

START = date(2027, 1, 1)


def day(days: np.ndarray, there: np.ndarray) -> np.ndarray:
    text = (np.datetime64(START) + np.floor(np.where(there, days, 0)).astype(int)).astype(str)
    return np.where(there, text, "")


def main() -> None:
    scenario = load("corner-shop.yaml")
    year = scenario.model_copy(update={"horizon": scenario.horizon.model_copy(update={"months": 12})})
    state = simulate(year, seed=1, draw=1, keep_state=True, cohorts=True).state
    assert state is not None
    m = state.members
    bought = m["buys"] > 0
    ids = np.array([f"c{k:04d}" for k in range(len(m))])
    balance = m["balance"].copy()
    balance[7], balance[11] = -120, balance[11] + 300  # a debt after a refund, and points that no lot explains
    who, back = np.nonzero(state.lots)
    month = (np.datetime64(START, "M") + back - state.past).astype(str)
    everybody = np.ones(len(m), bool)
    pd.DataFrame(
        {
            "member": ids, "joined": day(m["joined"], everybody), "first_purchase": day(m["joined"], bought),
            "last_purchase": day(m["last_buy"], bought), "purchases": np.where(bought, m["buys"] + 1, 0), "balance": balance,
        }
    ).to_csv("members.csv", index=False)  # fmt: skip
    lots = pd.DataFrame({"member": ids[who], "points": state.lots[who, back], "earned": [f"{x}-15" for x in month]})
    late = (pd.to_datetime(lots["earned"]) + pd.DateOffset(months=12) + pd.offsets.MonthEnd(0)).dt.strftime("%Y-%m-%d")
    lots["expires"] = late.where(lots.index != 3, "2027-02-28")  # a lot with a date of its own
    lots.to_csv("lots.csv", index=False)


if __name__ == "__main__":
    main()
