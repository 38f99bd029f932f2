"""One experiment on simulated members, as the table that a live experiment would leave behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.plan_file import Metric, Plan
from sim.errors import InputError
from sim.outcome import Outcome, simulate
from sim.scenario import Scenario
from sim.state import WATCHED

Floats = NDArray[np.float64]
SEGMENT = "segment"
"""column of the members' segment, the one trait that simulated members share with a plan"""


def _sum(name: str, scale: float = 1.0) -> Callable[[Outcome, Floats], Floats]:
    return lambda _, watch: watch[..., WATCHED.index(name)] * scale


def _contribution(outcome: Outcome, watch: Floats) -> Floats:
    margin = outcome.scenario.economics.gross_margin
    return (
        margin * watch[..., WATCHED.index("list_value")] - watch[..., WATCHED.index("benefit_cost")]
    ) / 100


MEASURES: dict[str, tuple[str, Callable[[Outcome, Floats], Floats]]] = {
    "purchases": ("purchases a member", _sum("purchases")),
    "spend": ("currency units paid a member", _sum("paid", 0.01)),
    "list_value": ("currency units a member before any benefit", _sum("list_value", 0.01)),
    "benefit_cost": ("currency units a member", _sum("benefit_cost", 0.01)),
    "contribution": ("gross margin less benefit cost, currency units a member", _contribution),
    "redemptions": ("redemptions a member", _sum("redemptions")),
    "points_redeemed": ("points a member", _sum("points_redeemed")),
    "messages": ("messages a member", _sum("messages")),
    "active": ("1 = bought at least once", lambda _, w: (w[..., 0] > 0).astype(float)),
    "redeemed": (
        "1 = redeemed at least once",
        lambda _, w: (w[..., WATCHED.index("redemptions")] > 0).astype(float),
    ),
}
"""What a plan's metric can be in the simulation: name -> unit, and values from (n, periods, watched) sums."""


@dataclass(frozen=True)
class Design:
    """How a plan is run on simulated members."""

    plan: Plan
    """the plan, less what simulated members do not have: covariates, strata, clusters, dates"""
    columns: dict[str, str]
    """column of the table -> measure"""
    scenarios: Mapping[str, Scenario]
    members: dict[str, int]
    """live size by arm"""
    first_day: int
    """of the window, in days since the start of the run"""
    days: int
    dropped: tuple[str, ...]
    """what the simulated estimator lacks against the live one, in words"""


def design(plan: Plan, scenarios: Mapping[str, Scenario], members: int | None = None) -> Design:
    """Fit a plan to the simulation.

    scenarios: arm -> scenario; members: in all arms together, default the plan's sizing.
    Raises InputError where a metric has no counterpart, the window is outside the scenarios' horizon, arms
    are without scenario or members, or the scenarios run over different periods.
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
    last_month = horizon.start.month - 1 + horizon.months
    end = horizon.start.replace(year=horizon.start.year + last_month // 12, month=last_month % 12 + 1)
    if first < 0 or plan.end >= end:
        raise InputError(
            f"the window {plan.start} to {plan.end} is not inside the period that the scenarios simulate, "
            f"{horizon.start} to before {end}; change horizon of the base scenario"
        )
    columns: dict[str, str] = {}
    for metric in plan.metrics:
        columns |= _columns_of(metric, problems)
    if problems:
        raise InputError(*problems)
    dropped = []
    if plan.unit == "cluster":
        dropped.append("clusters: members were randomised one by one")
    if any(metric.covariates for metric in plan.metrics):
        dropped.append("covariates: effects were not adjusted")
    strata = [column for column in plan.strata if column != SEGMENT]
    if strata:
        dropped.append(f"strata by {', '.join(strata)}")
    assert size is not None
    return Design(
        plan=_simulable(plan),
        columns=columns,
        scenarios=scenarios,
        members={arm: max(2, round(size * stated.share)) for arm, stated in plan.arms.items()},
        first_day=first,
        days=(plan.end - plan.start).days + 1,
        dropped=tuple(dropped),
    )


def trial(of: Design, seed: int, draw: int | None, threads: int | None = None) -> pd.DataFrame:
    """The members' table of one simulated experiment, one row a member.

    Arms hold different members, as in a live experiment: each arm has its own luck, from `seed`.
    draw: number of the parameter draw, the same for all arms; None = the means.
    """
    period = 7 if of.days % 7 == 0 else 1
    tables = []
    for number, (arm, scenario) in enumerate(of.scenarios.items()):
        outcome = simulate(
            scenario,
            members=of.members[arm],
            seed=int(np.random.SeedSequence([seed, number]).generate_state(1)[0]),
            draw=draw,
            threads=threads,
            watch=(float(of.first_day), float(period), of.days // period),
        )
        tables.append(_table(of, arm, outcome, 7 // period, number))
    return pd.concat(tables, ignore_index=True)


def _table(of: Design, arm: str, outcome: Outcome, to_week: int, number: int) -> pd.DataFrame:
    assert outcome.watch is not None and outcome.members is not None
    n = of.members[arm]
    watch = outcome.watch[:n].astype(float)
    starts = np.arange(0, watch.shape[1], to_week)
    weeks = np.add.reduceat(watch, starts, axis=1)
    whole = weeks.sum(axis=1)
    names = [segment.name for segment in outcome.scenario.population.segments] or ["all"]
    plan = of.plan
    table: dict[str, object] = {
        plan.columns.member: number * 10_000_000_000 + np.arange(n),
        plan.columns.arm: np.full(n, arm),
        SEGMENT: np.array(names)[outcome.members["segment"][:n]],
    }
    for column, measure in of.columns.items():
        table[column] = MEASURES[measure][1](outcome, whole)
    for metric in plan.metrics:
        weekly = [(metric.weekly, metric.column), (metric.weekly_denominator, metric.denominator)]
        for pattern, source in weekly:
            if pattern and source:
                values = MEASURES[of.columns[source]][1](outcome, weeks)
                for week in range(values.shape[1]):
                    table[pattern.replace("{week}", str(week + 1))] = values[:, week]
    return pd.DataFrame(table)


def _columns_of(metric: Metric, problems: list[str]) -> dict[str, str]:
    """The measures behind a metric's column and denominator."""
    stated = [metric.measure] if metric.measure else [metric.name, metric.column]
    found = [name for name in stated if name in MEASURES]
    allowed = ", ".join(MEASURES)
    if not found:
        problems.append(
            f"metric {metric.name}: {' and '.join(stated)} is no measure of single members; give measure, "
            f"one of {allowed}"
        )
        return {}
    out = {metric.column: found[0]}
    if metric.denominator is not None:
        if metric.denominator not in MEASURES:
            problems.append(
                f"metric {metric.name}: the denominator {metric.denominator} is no measure of single "
                f"members; it must be one of {allowed}"
            )
            return {}
        out[metric.denominator] = metric.denominator
    return out


def _simulable(plan: Plan) -> Plan:
    metrics = [metric.model_copy(update={"covariates": [], "adjustment": "none"}) for metric in plan.metrics]
    roles = plan.columns.model_copy(update={"cluster": None, "assigned": None, "exposed": None})
    return plan.model_copy(
        update={
            "metrics": metrics,
            "columns": roles,
            "unit": "member",
            "strata": [column for column in plan.strata if column == SEGMENT],
            "segments": [column for column in plan.segments if column == SEGMENT],
            "eligibility": [],
            "sequential": "fixed",
            "looks": [1.0],
            "multiplicity": "none",
        }
    )
