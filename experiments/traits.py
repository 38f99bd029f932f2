"""Traits that simulated members share with a plan: their segment, and their tier as the window begins."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.plan_condition import Condition
from experiments.plan_file import Plan
from sim.errors import InputError
from sim.outcome import Outcome
from sim.scenario import Scenario
from sim.typing import Bools, Ints

SEGMENT, TIER = "segment", "tier"
TRAITS = (SEGMENT, TIER)
"""columns of a plan that simulated members have"""


def names_of(scenario: Scenario, trait: str) -> list[str]:
    """The values that a trait can have, in the order of the scenario."""
    if trait == TIER:
        return [tier.name for tier in scenario.programme.tiers]
    return [segment.name for segment in scenario.population.segments] or ["all"]


def asks_tier(plan: Plan) -> bool:
    """Whether strata, segments or eligibility name the tier."""
    return TIER in (*plan.strata, *plan.segments, *(condition.column for condition in plan.eligibility))


def unpredicted(plan: Plan) -> list[str]:
    """Segments of the plan by which nothing can be simulated."""
    return [column for column in plan.segments if column not in TRAITS]


def traits_of(outcome: Outcome, members: int) -> dict[str, NDArray[np.object_]]:
    """Values of the first `members` by trait: the tier where the run looked at its members (`look`), the segment always."""
    assert outcome.members is not None
    found = {SEGMENT: _named(outcome.scenario, SEGMENT, outcome.members["segment"][:members])}
    if outcome.seen is not None:
        found[TIER] = _named(outcome.scenario, TIER, outcome.seen["tier"][:members])
    return found


def simulable(plan: Plan, scenarios: Iterable[Scenario]) -> tuple[list[Condition], list[str]]:
    """The conditions of eligibility that simulated members can be held to, and in words those that they cannot."""
    kept, lacking = [], []
    every = list(scenarios)
    for condition in plan.eligibility:
        stated = condition.one_of or []
        if condition.column not in TRAITS:
            lacking.append(f"eligibility by {condition.column}: simulated members have none, so everybody was taken")
            continue
        known = {name for scenario in every for name in names_of(scenario, condition.column)}
        if not stated or condition.at_least is not None or condition.at_most is not None:
            lacking.append(f"eligibility by {condition.column}: only names (one_of) can be simulated, so everybody was taken")
        elif not known & set(stated):
            lacking.append(
                f"eligibility by {condition.column}: the simulation has {', '.join(sorted(known))} and no "
                f"{' or '.join(stated)}, so everybody was taken"
            )
        else:
            kept.append(condition)
    return kept, lacking


def eligible(table: pd.DataFrame, conditions: Iterable[Condition]) -> Bools:
    """Which rows fulfil every condition, shape (rows,); conditions from `simulable`."""
    mask = np.ones(len(table), dtype=bool)
    for condition in conditions:
        mask &= table[condition.column].isin(condition.one_of or []).to_numpy()
    return mask


def share_of(found: int, of: int, conditions: Iterable[Condition]) -> float:
    """Share that is eligible; InputError where too few are for an experiment to be simulated on them."""
    if found < of * LEAST_SHARE:
        words = " and ".join(condition.words for condition in conditions)
        raise InputError(
            f"eligibility ({words}): {found:,} of {of:,} simulated members are eligible as the window begins; at least one in "
            f"{1 / LEAST_SHARE:.0f} must be. A longer warm_up gives them time to reach their tier"
        )
    return found / of


LEAST_SHARE = 0.005
"""below so small a share of eligible members an experiment is not simulated"""


def _named(scenario: Scenario, trait: str, codes: Ints) -> NDArray[np.object_]:
    return np.array(names_of(scenario, trait), dtype=object)[codes]
