"""Plays the real world, so that the example can be walked to its end: the simulator with other parameters and luck.

    python pretend.py members             writes members.csv, the table that is to be allocated
    python pretend.py live A/assignment.csv   writes live.csv, what these members did in the window
"""

import sys

import numpy as np
import pandas as pd

from experiments.arms import arm_scenarios
from experiments.plan_file import load_plan
from experiments.simulated_trial import arm_table, design

TRUTH = 1000  # number of the parameter draw that is the truth here; a prediction has those from 0 to 399


def members() -> None:
    size = load_plan("experiment.yaml").sizing.members or 0
    pd.DataFrame({"member_id": np.arange(1, size + 1)}).to_csv("members.csv", index=False)


def live(assignment: str) -> None:
    plan = load_plan("experiment.yaml")
    allocated = pd.read_csv(assignment)
    of = design(plan, arm_scenarios(plan), len(allocated))
    tables = []
    for number, arm in enumerate(plan.arms):
        ids = allocated.loc[allocated["arm"] == arm, "member_id"].to_numpy()
        found = arm_table(of, arm, len(ids), seed=1_000_000 + number, draw=TRUTH, shocks=1_000_000)  # which befall all arms
        tables.append(found.assign(member_id=ids))
    days = {"assigned_on": plan.start, "exposed_on": plan.start}
    pd.concat(tables).sort_values("member_id").assign(**days).to_csv("live.csv", index=False)


if __name__ == "__main__":
    if sys.argv[1:] == ["members"]:
        members()
    elif len(sys.argv) == 3 and sys.argv[1] == "live":
        live(sys.argv[2])
    else:
        sys.exit(str(__doc__))
