"""Power by simulation: the members of the engine, allocated again and again, read out by the read-out's own estimator."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from experiments.decisions import noninferiority
from experiments.estimands import estimator
from experiments.plan_file import Plan
from experiments.plan_metric import Metric
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
    if plan.unit == "cluster" and min(_counts(plan, plan.sizing.clusters or 0).values()) < 2:
        return "an arm with a single cluster has no standard error"
    return None


def _of_metric(
    of: Design, plan: Plan, metric: Metric, pool: pd.DataFrame, repeats: int, seed: int, told: _Told
) -> list[SimulatedPower]:
    planning = metric.planning
    assert planning is not None
    simulable = of.plan.metric(metric.name)
    alone = _plan_of_one(of.plan, plan, simulable)
    held = metric.role == "guardrail"
    effect = 0.0 if held else planning.minimum_effect * (1 if metric.better == "higher" else -1)
    values, baseline, sd = _values(metric, pool)
    explained = _explained(simulable, pool, values)
    errors: dict[str, list[float]] = {arm: [] for arm in plan.treatments}
    df = dict.fromkeys(plan.treatments, math.inf)
    hits = dict.fromkeys(plan.treatments, 0)
    for repeat in range(repeats):
        rng = np.random.Generator(np.random.Philox([seed, repeat]))
        table = _treated(metric, _allocated(alone, pool, rng), alone, effect, baseline, rng)
        if alone.unit == "cluster":
            _shared(metric, table, alone, planning.icc, rng)
        open_arms = set(plan.treatments)
        for number, fraction in enumerate(alone.fractions, start=1):
            found = read(_first(alone, table, fraction), alone, number)
            level = float(found.provenance["level_of_this_look"] or 0.0)
            for row in (row for row in found.rows if row.overall):
                last = number == len(alone.looks)
                if last:
                    errors[row.arm].append(row.se * (abs(row.base or 1.0) if row.scale == "relative" else 1.0))
                    df[row.arm] = math.inf if row.df is None else row.df
                if row.arm not in open_arms:
                    continue
                if held:
                    margin = metric.noninferiority_margin or 0.0
                    hit = last and noninferiority(row.low, row.high, margin, metric.better) == "held"
                else:
                    hit = row.p is not None and row.p < level and row.effect * effect > 0
                if hit:
                    hits[row.arm] += 1
                    open_arms.discard(row.arm)
        told.step()
    words = estimator(plan.model_copy(update={"strata": of.plan.strata}), simulable)
    if of.eligibility:
        words += f", of members whose {' and '.join(condition.words for condition in of.eligibility)}"
    cost = math.sqrt(look_inflation(plan))
    return [
        SimulatedPower(
            metric=metric.name,
            arm=arm,
            power=hits[arm] / repeats,
            repeats=repeats,
            detectable=cost * float(np.mean(errors[arm])) * _shifts(plan.alpha, plan.power, df[arm]),
            members=len(pool),
            baseline=baseline,
            sd=sd,
            explained=explained,
            estimator=words,
        )
        for arm in plan.treatments
    ]


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


def _values(metric: Metric, pool: pd.DataFrame) -> tuple[Floats, float, float]:
    """Values whose mean is estimated (of a ratio its influence), their level and spread among all members."""
    values = pool[metric.column].to_numpy(float)
    if metric.caps:
        values = np.clip(values, metric.caps[0], metric.caps[1])
    if metric.winsor:
        low, high = (float(end) for end in np.quantile(values, metric.winsor))
        values = np.clip(values, low, high)
    if metric.denominator is not None:
        below = pool[metric.denominator].to_numpy(float)
        level = float(values.sum() / below.sum())
        values = (values - level * below) / below.mean()
        return values, level, float(values.std(ddof=1))
    if metric.quantile is not None:
        return values, float(np.quantile(values, metric.quantile)), float(values.std(ddof=1))
    return values, float(values.mean()), float(values.std(ddof=1))


def _explained(metric: Metric, pool: pd.DataFrame, values: Floats) -> float:
    if not metric.covariates or not values.std():
        return 0.0
    x = np.column_stack([np.ones(len(pool)), pool[metric.covariates].to_numpy(float)])
    left = values - x @ np.linalg.lstsq(x, values, rcond=None)[0]
    return max(0.0, 1 - float(left.var() / values.var()))


def _allocated(plan: Plan, pool: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The pool in a new order, in arms of the planned shares; clusters of equal size."""
    table = pool.iloc[rng.permutation(len(pool))].reset_index(drop=True)
    units = len(table)
    unit = np.arange(units)
    if plan.unit == "cluster":
        units = plan.sizing.clusters or 2
        unit = unit * units // len(table)
        table[str(plan.columns.cluster)] = unit
    arms = np.repeat(list(plan.arms), list(_counts(plan, units).values()))
    # in random order, so that the first part of the table is the first look at all arms
    table[plan.columns.arm] = rng.permutation(arms)[unit]
    return table


def _shared(metric: Metric, table: pd.DataFrame, plan: Plan, icc: float, rng: np.random.Generator) -> None:
    """Gives each cluster a level of its own, so that its members have the intraclass correlation `icc` in their arm."""
    if icc <= 0:
        return
    unit = table[str(plan.columns.cluster)].to_numpy()
    units = int(unit.max()) + 1
    moved = table[metric.column].to_numpy(float, copy=True)
    for arm in plan.arms:
        here = (table[plan.columns.arm] == arm).to_numpy()
        values, level, sd = _values(metric, table[here])
        if metric.kind != "proportion":
            scale = float(table.loc[here, metric.denominator].mean()) if metric.denominator is not None else 1.0
            moved[here] += rng.normal(0, sd * math.sqrt(icc / (1 - icc)), units)[unit[here]] * scale
        elif 0 < level < 1:
            weight = (1 - icc) / icc
            wanted = rng.beta(level * weight, (1 - level) * weight, units)
            moved[here] = _shifted(values, wanted[unit[here]], level, rng)
    table[metric.column] = moved


def _treated(
    metric: Metric, table: pd.DataFrame, plan: Plan, effect: float, level: float, rng: np.random.Generator
) -> pd.DataFrame:
    """The table with the effect on all but the control: in proportion, or as a shift where the level is 0."""
    if not effect:
        return table
    treated = (table[plan.columns.arm] != plan.control).to_numpy()
    values = table[metric.column].to_numpy(float)
    if metric.kind == "proportion":
        moved = _shifted(values, np.full(len(values), min(1.0, max(0.0, level + effect))), level, rng)
    elif abs(level) > 1e-12:
        moved = values * (1 + effect / level)
    else:
        moved = values + effect
    table[metric.column] = np.where(treated, moved, values)
    return table


def _shifted(values: Floats, wanted: Floats, level: float, rng: np.random.Generator) -> Floats:
    """0s and 1s of share `level` turned by chance into ones of share `wanted`."""
    luck = rng.random(len(values))
    up = luck < (wanted - level) / max(1 - level, 1e-12)
    down = luck < (level - wanted) / max(level, 1e-12)
    return np.where(values > 0, np.where(down, 0.0, 1.0), np.where(up, 1.0, 0.0))


def _first(plan: Plan, table: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """The part of the table that is there at a look: members, or clusters, at random."""
    if fraction >= 1:
        return table
    if plan.unit == "cluster":
        # all clusters are there, with the members who came first
        place = table.groupby(str(plan.columns.cluster)).cumcount()
        size = table.groupby(str(plan.columns.cluster))[plan.columns.member].transform("size")
        return table[place < np.maximum(2, fraction * size)]
    return table.iloc[: round(fraction * len(table))]


def _counts(plan: Plan, units: int) -> dict[str, int]:
    """Units by arm, adding to `units`."""
    edges = np.round(np.cumsum([0.0, *plan.shares.values()]) * units).astype(int)
    return dict(zip(plan.shares, np.diff(edges).tolist(), strict=True))


def _shifts(alpha: float, power: float, df: float) -> float:
    """Standard errors that an effect must be away from 0 to be found with `power`."""
    if math.isinf(df):
        return float(special.ndtri(1 - alpha / 2) + special.ndtri(power))
    return float(stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df))
