"""Power by simulation: the members of the engine, allocated again and again, read out by the read-out's own estimator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import special, stats

from experiments.decisions import noninferiority
from experiments.estimands import estimator
from experiments.plan_file import Plan
from experiments.plan_metric import Metric
from experiments.pool import allocated, first_part, shared, treated, unit_counts, values_of
from experiments.power import look_inflation
from experiments.readout import read
from experiments.simulated_trial import Design, arm_table, design
from scenarios.numerals import integer
from sim.errors import InputError
from sim.scenario import Scenario
from sim.typing import Floats

MOST_MEMBERS = 200_000
"""above so many members the formula is as good, and simulation slow"""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SimulatedPower:
    """What simulated experiments found on one metric, for one arm against the control."""

    metric: str
    arm: str
    power: float
    """share of the experiments that found the smallest effect worth finding; of a guardrail, that held it at no effect"""
    repeats: int
    detectable: float
    """minimum detectable effect, from the standard error that the read-out stated"""
    members: int
    """in all arms together"""
    baseline: float
    """level among the simulated members"""
    sd: float
    """spread among them, as planning.sd"""
    explained: float
    """share of the variance that the covariates take away"""
    estimator: str

    @property
    def error(self) -> float:
        """Standard error of the power; of all or none of the experiments it is not 0 (Agresti, Coull 1998)."""
        share = (self.power * self.repeats + 2) / (self.repeats + 4)
        return math.sqrt(share * (1 - share) / (self.repeats + 4))


def simulated_power(
    plan: Plan, scenarios: Mapping[str, Scenario], repeats: int = 200, seed: int = 0, progress: Progress = lambda done, of: None
) -> tuple[list[SimulatedPower], list[str]]:
    """Power of every metric with planning values, and in words what could not be simulated.

    The planned number of members is simulated once under the control's scenario. Each repeat allocates them
    anew, gives the treated the smallest effect worth finding (in proportion to what they have; a share by
    chance), and reads the table out at every planned look. Clusters get a level of their own, of the
    intraclass correlation that the plan states. A guardrail counts as found where its margin is excluded at
    no effect.
    """
    metrics = [metric for metric in plan.metrics if metric.planning is not None]
    sizing = plan.sizing
    clustered = plan.unit == "cluster"
    size = round((sizing.clusters or 0) * (sizing.cluster_size or 0)) if clustered else sizing.members
    why = _impossible(plan, metrics, size)
    if why is not None:
        return [], [f"No power by simulation: {why}."]
    assert size is not None
    try:
        of = design(plan, scenarios, size)
    except InputError as error:
        return [], [f"No power by simulation: {problem}." for problem in error.problems]
    pool = arm_table(of, plan.control, size, seed, None)
    found: list[SimulatedPower] = []
    for number, metric in enumerate(metrics):
        told = _Told(progress, number * repeats, len(metrics) * repeats)
        found += _of_metric(of, plan, metric, pool, repeats, seed, told)
    lacking = [sentence for sentence in of.dropped if not sentence.startswith(("clusters", "effects by"))]
    return found, [f"The power by simulation lacks {'; '.join(lacking)}."] if lacking else []


@dataclass
class _Told:
    progress: Progress
    done: int
    total: int

    def step(self) -> None:
        self.done += 1
        self.progress(self.done, self.total)


def _impossible(plan: Plan, metrics: list[Metric], size: int | None) -> str | None:
    if not metrics:
        return "no metric has planning values"
    if not size:
        return "sizing does not say how many there are to be tested"
    if size > MOST_MEMBERS:
        return f"with more than {integer(MOST_MEMBERS)} members the formula is as good"
    if plan.unit == "cluster" and min(unit_counts(plan, plan.sizing.clusters or 0).values()) < 2:
        return "an arm with a single cluster has no standard error"
    return None


def _of_metric(
    of: Design, plan: Plan, metric: Metric, pool: pd.DataFrame, repeats: int, seed: int, told: _Told
) -> list[SimulatedPower]:
    planning = metric.planning
    assert planning is not None
    simulable = of.plan.metric(metric.name)
    alone = _plan_of_one(of.plan, plan, simulable)
    effect = 0.0 if metric.role == "guardrail" else planning.minimum_effect * (1 if metric.better == "higher" else -1)
    values, baseline, sd = values_of(metric, pool)
    explained = _explained(simulable, pool, values)
    found = {arm: _Found() for arm in plan.treatments}
    for repeat in range(repeats):
        rng = np.random.Generator(np.random.Philox([seed, repeat]))
        table = treated(metric, allocated(alone, pool, rng), alone, effect, baseline, rng)
        if alone.unit == "cluster":
            table = shared(metric, table, alone, planning.icc, rng)
        _look(alone, table, metric, effect, found)
        told.step()
    words = estimator(plan.model_copy(update={"strata": of.plan.strata}), simulable)
    if of.eligibility:
        words += f", of members whose {' and '.join(condition.words for condition in of.eligibility)}"
    cost = math.sqrt(look_inflation(plan))
    return [
        SimulatedPower(
            metric=metric.name,
            arm=arm,
            power=of_arm.hits / repeats,
            repeats=repeats,
            detectable=cost * float(np.mean(of_arm.errors)) * _shifts(plan.alpha, plan.power, of_arm.df),
            members=len(pool),
            baseline=baseline,
            sd=sd,
            explained=explained,
            estimator=words,
        )
        for arm, of_arm in found.items()
    ]


@dataclass
class _Found:
    """What the experiments found for one arm."""

    hits: int = 0
    errors: list[float] = field(default_factory=list)
    """standard error at the last look of each, in the metric's unit"""
    df: float = math.inf


def _look(plan: Plan, table: pd.DataFrame, metric: Metric, effect: float, found: Mapping[str, _Found]) -> None:
    """Read one experiment out at every planned look; who has found the effect once has found it."""
    searching = set(found)
    for number, fraction in enumerate(plan.fractions, start=1):
        readout, last = read(first_part(plan, table, fraction), plan, number), number == len(plan.looks)
        level = float(readout.provenance["level_of_this_look"] or 0.0)
        for row in (row for row in readout.rows if row.overall):
            if last:
                found[row.arm].errors.append(row.se * (abs(row.base or 1.0) if row.scale == "relative" else 1.0))
                found[row.arm].df = math.inf if row.df is None else row.df
            if metric.role == "guardrail":
                margin = metric.noninferiority_margin or 0.0
                hit = last and noninferiority(row.low, row.high, margin, metric.better) == "held"
            else:
                hit = row.p is not None and row.p < level and row.effect * effect > 0
            if hit and row.arm in searching:
                found[row.arm].hits += 1
                searching.discard(row.arm)


def _plan_of_one(simulable: Plan, plan: Plan, metric: Metric) -> Plan:
    """The plan with this metric alone, at the looks of the experiment and with its clusters."""
    only = metric.model_copy(update={"role": "primary", "weekly": None, "weekly_denominator": None})
    return simulable.model_copy(
        update={
            "metrics": [only],
            "segments": [],
            "unit": plan.unit,
            "columns": plan.columns.model_copy(update={"assigned": None, "exposed": None}),
            "sequential": plan.sequential,
            "looks": list(plan.fractions),
        }
    )


def _explained(metric: Metric, pool: pd.DataFrame, values: Floats) -> float:
    if not metric.covariates or not values.std():
        return 0.0
    x = np.column_stack([np.ones(len(pool)), pool[metric.covariates].to_numpy(float)])
    left = values - x @ np.linalg.lstsq(x, values, rcond=None)[0]
    return max(0.0, 1 - float(left.var() / values.var()))


def _shifts(alpha: float, power: float, df: float) -> float:
    """Standard errors that an effect must be away from 0 to be found with `power`."""
    if math.isinf(df):
        return float(special.ndtri(1 - alpha / 2) + special.ndtri(power))
    return float(stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df))
