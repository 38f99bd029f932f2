"""One experiment on simulated members, as the table that a live experiment would leave behind."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from experiments.arms import BEFORE
from experiments.plan_condition import Condition
from experiments.plan_file import Plan
from experiments.simulated_measures import MEASURES, columns_of, covariates_of
from experiments.traits import TRAITS, asks_tier, eligible, share_of, simulable, traits_of, unpredicted
from sim.errors import InputError
from sim.outcome import simulate
from sim.scenario import Scenario

PROBED = 4000
"""members simulated to see how many of them are eligible"""


@dataclass(frozen=True)
class Design:
    """How a plan is run on simulated members."""

    plan: Plan
    """the plan, less what simulated members do not have: strata and segments other than their traits, clusters, dates,
    covariates of no known measure"""
    columns: dict[str, str]
    """column of the table -> measure"""
    covariates: dict[str, str]
    """column of the table -> measure over the days before the window"""
    scenarios: Mapping[str, Scenario]
    members: dict[str, int]
    """live size by arm"""
    first_day: int
    """of the window, in days since the start of the run"""
    days: int
    pre_days: int
    """days before the window over which the covariates are measured; 0 = there are none"""
    dropped: tuple[str, ...]
    """what the simulated estimator lacks against the live one, in words"""
    eligibility: tuple[Condition, ...] = ()
    """conditions that simulated members are held to as the window begins"""
    eligible: float = 1.0
    """share of the control's simulated members who fulfil them"""
    by_tier: bool = False
    """the plan asks for the tier that members have as the window begins"""


def design(plan: Plan, scenarios: Mapping[str, Scenario], members: int | None = None) -> Design:
    """Fit a plan to the simulation.

    scenarios: arm -> scenario; members: in all arms together, default the plan's sizing.
    Raises InputError where a metric has no counterpart, the window is outside the scenarios' horizon, arms
    are without scenario or members, the scenarios run over different periods, or arms differ by what nobody gets.
    """
    problems = [f"arm {arm} has no scenario" for arm in plan.arms if arm not in scenarios]
    size = members or plan.sizing.members
    if size is None:
        problems.append("the plan does not say how many members there are; give sizing.members")
    if problems:
        raise InputError(*problems)
    horizons = {scenario.horizon for scenario in scenarios.values()}
    if len(horizons) > 1:
        raise InputError("the scenarios of the arms run over different periods; they must have one horizon")
    horizon = next(iter(horizons))
    first = (plan.start - horizon.start).days
    if first < 0 or plan.end > horizon.end:
        raise InputError(
            f"the window {plan.start} to {plan.end} is not inside the period that the scenarios simulate, "
            f"{horizon.start} to {horizon.end}; change horizon of the base scenario"
        )
    problems += _joined_before(plan, scenarios)
    columns: dict[str, str] = {}
    for metric in plan.metrics:
        columns |= columns_of(metric, problems)
    if problems:
        raise InputError(*problems)
    dropped = []
    if plan.unit == "cluster":
        dropped.append("clusters: members were randomised one by one")
    covariates, lacking = covariates_of(plan, columns, first)
    dropped += lacking
    strata = [column for column in plan.strata if column not in TRAITS]
    if strata:
        dropped.append(f"strata by {', '.join(strata)}")
    if others := unpredicted(plan):
        dropped.append(f"effects by {', '.join(others)}")
    conditions, lacking = simulable(plan, scenarios.values())
    dropped += lacking
    assert size is not None
    of = Design(
        plan=_simulable(plan, covariates),
        columns=columns,
        covariates=covariates,
        scenarios={arm: _cut(scenario, plan.end) for arm, scenario in scenarios.items()},
        members={arm: max(2, round(size * stated.share)) for arm, stated in plan.arms.items()},
        first_day=first,
        days=(plan.end - plan.start).days + 1,
        pre_days=plan.pre_days if covariates else 0,
        dropped=tuple(dropped),
        eligibility=tuple(conditions),
        by_tier=asks_tier(plan),
    )
    if not conditions:
        return of
    probe = _everybody(of, plan.control, PROBED, 0, None, None, 0)
    return replace(of, eligible=share_of(int(eligible(probe, conditions).sum()), PROBED, conditions))


def _joined_before(plan: Plan, scenarios: Mapping[str, Scenario]) -> list[str]:
    """Problems of arms that differ by what is given on joining where simulated members join before it is."""
    usual = scenarios[plan.control].programme.incentives
    told: dict[str, None] = {}
    for arm, scenario in scenarios.items():
        own, start = scenario.programme.incentives, scenario.horizon.start
        for one in (*(x for x in own if x not in usual), *(x for x in usual if x not in own)):
            if one.when.event == "sign_up" and (plan.warm_up or (one.valid_from or start) > start):
                told[
                    f"arm {arm}: {one.name.removesuffix(BEFORE)} is given on joining, and simulated members join when the "
                    f"simulated period begins, {start}: it would change nothing; leave warm_up out and let horizon.start of "
                    f"the base scenario be {plan.start.replace(day=1)}"
                ] = None
    return list(told)


def trial(of: Design, seed: int, draw: int | None, threads: int | None = None) -> pd.DataFrame:
    """The members' table of one simulated experiment, one row a member.

    Arms hold different members, as in a live experiment: each arm has its own luck, from `seed`. What befalls all members at
    once befalls all arms.
    draw: number of the parameter draw, the same for all arms; None = the means.
    """
    tables = []
    for number, arm in enumerate(of.scenarios):
        luck = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        tables.append(arm_table(of, arm, of.members[arm], luck, draw, threads, number * 10_000_000_000, seed))
    return pd.concat(tables, ignore_index=True)


def arm_table(
    of: Design, arm: str, members: int, seed: int, draw: int | None, threads: int | None = None, first_id: int = 0,
    shocks: int | None = None,
) -> pd.DataFrame:  # fmt: skip
    """The table of `members` who all live under the scenario of one arm, numbered from `first_id`.

    shocks: seed of what befalls all members at once; default: `seed`.

    With conditions of eligibility, so many are simulated that `members` of them fulfil these as the window begins.
    """
    if not of.eligibility:
        return _everybody(of, arm, members, seed, draw, threads, first_id, shocks)
    share = of.eligible
    while True:
        count = math.ceil(1.05 * members / share) + 20
        table = _everybody(of, arm, count, seed, draw, threads, first_id, shocks)
        chosen = table[eligible(table, of.eligibility)]
        if len(chosen) >= members:
            return chosen.head(members).reset_index(drop=True)
        share = share_of(len(chosen), count, of.eligibility)


def _everybody(
    of: Design, arm: str, members: int, seed: int, draw: int | None, threads: int | None, first_id: int,
    shocks: int | None = None,
) -> pd.DataFrame:  # fmt: skip
    period = 7 if of.days % 7 == 0 and of.pre_days % 7 == 0 else 1
    before = of.pre_days // period
    outcome = simulate(
        of.scenarios[arm],
        members=members,
        seed=seed,
        draw=draw,
        threads=threads,
        watch=(float(of.first_day - of.pre_days), float(period), before + of.days // period),
        look=float(of.first_day) if of.by_tier else None,
        shocks=shocks,
    )
    assert outcome.watch is not None
    watch = outcome.watch[:members].astype(float)
    pre, watch = watch[:, :before].sum(axis=1), watch[:, before:]
    starts = np.arange(0, watch.shape[1], 7 // period)
    weeks = np.add.reduceat(watch, starts, axis=1)
    whole = weeks.sum(axis=1)
    plan = of.plan
    table: dict[str, object] = {
        plan.columns.member: first_id + np.arange(members),
        plan.columns.arm: np.full(members, arm),
        **traits_of(outcome, members),
    }
    for column, measure in of.columns.items():
        table[column] = MEASURES[measure][1](outcome, whole)
    for column, measure in of.covariates.items():
        table[column] = MEASURES[measure][1](outcome, pre)
    for metric in plan.metrics:
        weekly = [(metric.weekly, metric.column), (metric.weekly_denominator, metric.denominator)]
        for pattern, source in weekly:
            if pattern and source:
                values = MEASURES[of.columns[source]][1](outcome, weeks)
                for week in range(values.shape[1]):
                    table[pattern.replace("{week}", str(week + 1))] = values[:, week]
    return pd.DataFrame(table)


def _cut(scenario: Scenario, last: dt.date) -> Scenario:
    """The scenario without the years after `last`: what comes later changes nothing before it.

    Whole calendar years, so that the windows of goals and tiers end where they did.
    """
    start = scenario.horizon.start
    months = min(scenario.horizon.months, 12 * (last.year - start.year + 1) - start.month + 1)
    return scenario.model_copy(update={"horizon": scenario.horizon.model_copy(update={"months": months})})


def _simulable(plan: Plan, covariates: Mapping[str, str]) -> Plan:
    metrics = []
    for metric in plan.metrics:
        kept = [column for column in metric.covariates if column in covariates]
        changed = {"covariates": kept, "adjustment": metric.adjustment if kept else "none"}
        metrics.append(metric.model_copy(update=changed))
    roles = plan.columns.model_copy(update={"cluster": None, "assigned": None, "exposed": None})
    return plan.model_copy(
        update={
            "metrics": metrics,
            "columns": roles,
            "unit": "member",
            "strata": [column for column in plan.strata if column in TRAITS],
            "segments": [column for column in plan.segments if column in TRAITS],
            "eligibility": [],
            "sequential": "fixed",
            "looks": [1.0],
        }
    )
