"""Quantiles of the live data that a plan needs before its pass: where to winsorise, and quantile metrics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from experiments.features import Feature, Features, features_of, value_feature
from experiments.plan_file import Plan
from experiments.quantiles import bootstrap_se, cluster_bootstrap_se, quantile
from experiments.scan import collect
from scenarios.numerals import significant
from scenarios.sources import Source
from sim.errors import InputError
from sim.typing import Floats


def with_quantiles(
    plan: Plan, source: Source, events: bool
) -> tuple[Features, dict[str, tuple[Floats, Floats]]]:
    """Features with winsorising values found and quantile metrics as shares below each arm's quantile.

    Also, by quantile metric, the arms' quantiles and their bootstrap standard errors, shape (A,) each.
    Metrics that need quantiles of the data cost one pass more, with their columns whole in memory.
    """
    wanted = [metric for metric in plan.metrics if metric.kind == "quantile" or metric.winsor]
    caps = {metric.name: (metric.caps[0], metric.caps[1]) for metric in plan.metrics if metric.caps}
    if not wanted:
        return features_of(plan, events, caps), {}
    raw = [value_feature(metric, events, caps.get(metric.name)) for metric in wanted]
    values, arm, cluster = collect(source, plan, raw, plan.unit == "cluster")
    for name in [name for code, name in enumerate(plan.arms) if not (arm == code).any()]:
        raise InputError(f"{source.name}: arm {name!r} has 0 members; at least 2 are needed")
    quantiles: dict[str, tuple[Floats, Floats]] = {}
    for metric in wanted:
        column = values[metric.name]
        if metric.winsor:
            low, high = (quantile(column, q) if 0 < q < 1 else _end(column, q) for q in metric.winsor)
            caps[metric.name] = (low, high)
            column = np.clip(column, low, high)
        if metric.quantile is not None:
            parts = [(column[arm == code], cluster[arm == code]) for code in range(len(plan.arms))]
            level = np.array([quantile(part, metric.quantile) for part, _ in parts])
            if plan.unit == "cluster":
                se = np.array([cluster_bootstrap_se(part, of, metric.quantile) for part, of in parts])
            else:
                se = np.array([bootstrap_se(part, metric.quantile) for part, _ in parts])
            if se.max() <= 1e-3 * column.std() / np.sqrt(len(column)):
                raise InputError(
                    f"{source.name}: metric {metric.name} (column {metric.column!r}): its quantile {metric.quantile:g} is "
                    f"{significant(level[0], 4)} in next to every resample, as so many members have this value; "
                    "its error cannot be told"
                )
            quantiles[metric.name] = (level, se)
    features = features_of(plan, events, caps)
    below = {name: tuple(level.tolist()) for name, (level, _) in quantiles.items()}
    overall: list[Feature] = [
        replace(one, kind="below", cuts=below[one.name]) if one.name in below else one
        for one in features.overall
    ]
    return replace(features, overall=tuple(overall)), quantiles


def _end(column: Floats, q: float) -> float:
    return float(column.min() if q <= 0 else column.max())
