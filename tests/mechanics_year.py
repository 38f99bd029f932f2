"""A year of members whose every basket is 40.50 and who react to nothing: what a programme gave them can be counted again from
their purchases."""

from __future__ import annotations

from typing import Any

import numpy as np
from scenes import scenario

from sim.outcome import Outcome, simulate
from sim.state import W_MESSAGES, W_PURCHASES
from sim.typing import Ints

DAYS = np.datetime64("2027-01-01") + np.arange(365)
MONTH = (DAYS.astype("datetime64[M]") - np.datetime64("2027-01")).astype(int)
DATE = (DAYS - DAYS.astype("datetime64[M]")).astype(int) + 1
OFTEN: dict[str, Any] = {
    "purchase_rate": {"mean": 0.1, "shape": 1.0},
    "basket": {"median": 40.5, "sigma": 0.0},
    "segments": [{"name": "stars", "share": 0.3, "rate": 2.0}, {"name": "others", "share": 0.7}],
}
NEVER_BUYS = {**OFTEN, "purchase_rate": {"mean": 1e-6, "shape": 1e6}}
OFF: dict[str, Any] = {"all_effects": False, "redeeming": {"probability": 1.0}}
POINTS, NO_POINTS = {"points_per_unit": 1.0}, {"points_per_unit": 0.0}


def year(programme: dict[str, Any], members: int = 400, months: int = 12, seed: int = 4, **more: Any) -> Outcome:
    """Members who are there from the first day on, watched day by day through 2027."""
    base = {"name": "year", "population": OFTEN, "behaviour": OFF, "horizon": {"months": months}, "programme": programme, **more}
    return simulate(scenario(base), members=members, seed=seed, keep=True, watch=(0.0, 1.0, 365))


def row(event: dict[str, Any], name: str = "row", **more: Any) -> dict[str, Any]:
    """A row of the incentive table."""
    return {"name": name, "when": event, **more}


def far(*names: str) -> list[dict[str, Any]]:
    """Tiers; no purchases lead to any but the first."""
    return [{"name": name, **({"requires": {"purchases": 900 + k}} if k else {})} for k, name in enumerate(names)]


def bought(o: Outcome) -> Ints:
    """(members, days) purchases."""
    assert o.watch is not None
    return o.watch[..., W_PURCHASES]


def told(o: Outcome) -> Ints:
    """(members, days) messages."""
    assert o.watch is not None
    return o.watch[..., W_MESSAGES]


def by_window(per_day: Ints, months: int) -> Ints:
    """(members, windows) of what there is by member and day, in calendar windows of so many months."""
    return np.stack([per_day[:, MONTH // months == k].sum(axis=1) for k in range(12 // months)], axis=1)
