"""A live trial of two arms as a plan, a table of members and their purchases, and what reads its gates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from two_arms import TWO_ARMS, two_arms

from experiments.documents import Readout
from experiments.plan_file import Plan

BASE = {
    **TWO_ARMS,
    "multiplicity": "none",
    "metrics": [{"name": "spend", "role": "primary", "column": "spend", "simulation_margin": 1.0}],
}


def plan(metric=None, **changes) -> Plan:
    content = BASE | changes
    if metric:
        content = content | {"metrics": [content["metrics"][0] | metric, *content["metrics"][1:]]}
    return two_arms(**content)


def live(n=2000, effect=0.0, seed=1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, 2, n)
    return pd.DataFrame(
        {
            "member_id": np.arange(n),
            "arm": np.array(["control", "trial"])[arm],
            "spend": rng.gamma(4, 5, n) + effect * arm,
            "orders": rng.poisson(3, n),
            "tier": rng.choice(["silver", "gold"], n),
            "store": rng.integers(0, 40, n),
        }
    )


def gate(found: Readout, name: str):
    return next(one for one in found.gates if one.name == name)
