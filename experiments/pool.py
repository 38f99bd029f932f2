"""Simulated members as the tables of experiments: allocated again and again, treated, seen at a look."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from experiments.plan_file import Plan
from experiments.plan_metric import Metric
from sim.typing import Floats


def values_of(metric: Metric, pool: pd.DataFrame) -> tuple[Floats, float, float]:
    """(n,) values whose mean is estimated (of a ratio its influence), their level and standard deviation among all members."""
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


def allocated(plan: Plan, pool: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The pool in a new order, in arms of the planned shares; clusters of equal size."""
    table = pool.iloc[rng.permutation(len(pool))].reset_index(drop=True)
    units = len(table)
    unit = np.arange(units)
    if plan.unit == "cluster":
        units = plan.sizing.clusters or 2
        unit = unit * units // len(table)
        table[str(plan.columns.cluster)] = unit
    arms = np.repeat(list(plan.arms), list(unit_counts(plan, units).values()))
    # in random order, so that the first part of the table is the first look at all arms
    table[plan.columns.arm] = rng.permutation(arms)[unit]
    return table


def shared(metric: Metric, table: pd.DataFrame, plan: Plan, icc: float, rng: np.random.Generator) -> pd.DataFrame:
    """The table with a level of its own for each cluster: its members have the intraclass correlation `icc` in their arm."""
    if icc <= 0:
        return table
    unit = table[str(plan.columns.cluster)].to_numpy()
    units = int(unit.max()) + 1
    moved = table[metric.column].to_numpy(float, copy=True)
    for arm in plan.arms:
        here = (table[plan.columns.arm] == arm).to_numpy()
        values, level, sd = values_of(metric, table[here])
        if metric.kind != "proportion":
            scale = float(table.loc[here, metric.denominator].mean()) if metric.denominator is not None else 1.0
            moved[here] += rng.normal(0, sd * math.sqrt(icc / (1 - icc)), units)[unit[here]] * scale
        elif 0 < level < 1:
            weight = (1 - icc) / icc
            wanted = rng.beta(level * weight, (1 - level) * weight, units)
            moved[here] = _shifted(values, wanted[unit[here]], level, rng)
    return table.assign(**{metric.column: moved})


def treated(
    metric: Metric, table: pd.DataFrame, plan: Plan, effect: float, level: float, rng: np.random.Generator
) -> pd.DataFrame:
    """The table with an effect on all but the control: in proportion, or as a shift where the level is 0; a share by chance.

    effect, level: in the metric's unit, the level that of all members.
    """
    if not effect:
        return table
    treatment = (table[plan.columns.arm] != plan.control).to_numpy()
    values = table[metric.column].to_numpy(float)
    if metric.kind == "proportion":
        moved = _shifted(values, np.full(len(values), min(1.0, max(0.0, level + effect))), level, rng)
    elif abs(level) > 1e-12:
        moved = values * (1 + effect / level)
    else:
        moved = values + effect
    return table.assign(**{metric.column: np.where(treatment, moved, values)})


def first_part(plan: Plan, table: pd.DataFrame, fraction: float) -> pd.DataFrame:
    """The part of the table that is there at a look: members, or clusters, at random."""
    if fraction >= 1:
        return table
    if plan.unit == "cluster":
        # all clusters are there, with the members who came first
        place = table.groupby(str(plan.columns.cluster)).cumcount()
        size = table.groupby(str(plan.columns.cluster))[plan.columns.member].transform("size")
        return table[place < np.maximum(2, fraction * size)]
    return table.iloc[: round(fraction * len(table))]


def unit_counts(plan: Plan, units: int) -> dict[str, int]:
    """Units by arm, adding to `units`."""
    edges = np.round(np.cumsum([0.0, *plan.shares.values()]) * units).astype(int)
    return dict(zip(plan.shares, np.diff(edges).tolist(), strict=True))


def _shifted(values: Floats, wanted: Floats, level: float, rng: np.random.Generator) -> Floats:
    """0s and 1s of share `level` turned by chance into ones of share `wanted`."""
    luck = rng.random(len(values))
    up = luck < (wanted - level) / max(1 - level, 1e-12)
    down = luck < (level - wanted) / max(level, 1e-12)
    return np.where(values > 0, np.where(down, 0.0, 1.0), np.where(up, 1.0, 0.0))
