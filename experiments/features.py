"""Which numbers of a member a plan needs, and how each is made from the columns of the live data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa

from experiments.aggregates import Codes
from experiments.estimators import Target
from experiments.plan_file import Plan
from experiments.plan_metric import Metric
from experiments.values import numbers
from sim.errors import InputError
from sim.typing import Floats

BEFORE, MISSING, BELOW, WEEK = "\0pre:", "\0missing:", "\0denominator", "\0week"
"""marks of the names of features that are no metric's own; no name of a metric holds them"""


@dataclass(frozen=True)
class Feature:
    """One column of the aggregate."""

    name: str
    column: str
    """column of the source"""
    use: str
    """what it is for, in errors"""
    kind: Literal["value", "share", "covariate", "absent", "below"] = "value"
    """a number; 0 or 1; a covariate with gaps filled; 1 where that is missing; 1 at or below `cuts` of the
    arm"""
    caps: tuple[float, float] | None = None
    zero: bool = False
    """a missing value counts as zero"""
    cuts: tuple[float, ...] = ()
    fill: float = 0.0

    def of(self, raw: Floats, arm: Codes, place: str, first_row: int) -> Floats:
        """The feature of a block from its column `raw` (missing as NaN) and its arms' codes."""
        absent = np.isnan(raw)
        if self.kind == "absent":
            return absent.astype(float)
        if self.kind == "covariate":
            return np.where(absent, self.fill, raw)
        if absent.any():
            if not self.zero:
                at = first_row + int(np.flatnonzero(absent)[0])
                raise InputError(
                    f"{place}: row {at}: is empty; {self.use} needs a value, or `missing: zero` in the plan"
                )
            raw = np.where(absent, 0.0, raw)
        if self.kind == "share":
            wrong = (raw != 0) & (raw != 1)
            if wrong.any():
                at = int(np.flatnonzero(wrong)[0])
                raise InputError(
                    f"{place}: row {first_row + at}: found {raw[at]:g}; {self.use} is a proportion of 0 and 1"
                )
        raw = np.clip(raw, *self.caps) if self.caps else raw
        return (raw <= np.array(self.cuts)[arm]).astype(float) if self.kind == "below" else raw


@dataclass(frozen=True)
class Features:
    """All features of a plan, and the targets that are estimated from them."""

    overall: tuple[Feature, ...]
    """metrics and covariates over the whole window"""
    weekly: dict[str, tuple[Feature, ...]]
    """by metric: its numerators week by week, for a ratio each followed by its denominator"""
    targets: dict[str, Target]
    """by metric"""
    covariates: tuple[str, ...]
    """names of the features that are covariates, indicators of missing values among them"""

    def columns(self) -> dict[str, str]:
        """Columns of the source that are needed, with their use."""
        features = [*self.overall, *(one for group in self.weekly.values() for one in group)]
        return {one.column: one.use for one in features}

    def weekly_targets(self, metric: str) -> list[Target]:
        """One target a week."""
        group = self.weekly[metric]
        if any(one.name.endswith(BELOW) for one in group):
            pairs = zip(group[::2], group[1::2], strict=True)
            return [Target(metric, top.name, below.name) for top, below in pairs]
        return [Target(metric, one.name) for one in group]


def features_of(plan: Plan, events: bool, caps: dict[str, tuple[float, float]]) -> Features:
    """The features that `plan` needs from an event table or a member table.

    caps: by metric, the values at which it is cut off (from its caps, or from quantiles of the data).
    """
    overall: dict[str, Feature] = {}
    weekly: dict[str, tuple[Feature, ...]] = {}
    targets: dict[str, Target] = {}
    covariates: list[str] = []
    for metric in plan.metrics:
        top, below = value_feature(metric, events, caps.get(metric.name)), None
        overall[top.name] = top
        if metric.denominator is not None:
            below = Feature(
                metric.name + BELOW,
                metric.denominator,
                f"denominator of metric {metric.name}",
                zero=metric.missing == "zero",
            )
            overall[below.name] = below
        for column in metric.covariates:
            use = f"covariate of metric {metric.name}"
            for name, kind in ((BEFORE + column, "covariate"), (MISSING + column, "absent")):
                overall.setdefault(name, Feature(name, column, use, kind))  # type: ignore[arg-type]
                if name not in covariates:
                    covariates.append(name)
        targets[metric.name] = Target(
            metric.name,
            top.name,
            below.name if below else None,
            tuple(mark + column for column in metric.covariates for mark in (BEFORE, MISSING)),
            metric.adjustment,
        )
        if metric.kind != "quantile" and (metric.weekly or events):
            weekly[metric.name] = _by_week(plan, metric, top, below, events)
    return Features(tuple(overall.values()), weekly, targets, tuple(covariates))


def value_feature(metric: Metric, events: bool, caps: tuple[float, float] | None = None) -> Feature:
    """The feature of a metric's value or numerator."""
    made = events and metric.events != "sum"
    column = f"{metric.column}#{metric.events}" if made else metric.column
    kind: Literal["share", "value"] = "share" if metric.kind == "proportion" else "value"
    return Feature(metric.name, column, f"metric {metric.name}", kind, caps, metric.missing == "zero")


def _by_week(
    plan: Plan, metric: Metric, top: Feature, below: Feature | None, events: bool
) -> tuple[Feature, ...]:
    out = []
    for week in range(1, plan.weeks + 1):
        for feature, pattern in ((top, metric.weekly), (below, metric.weekly_denominator)):
            if feature is None:
                continue
            column = f"{feature.column}@{week}" if events else str(pattern).replace("{week}", str(week))
            name = f"{metric.name}{WEEK}{week}" + (BELOW if feature is below else "")
            use = f"{feature.use} in week {week}"
            out.append(replace(feature, name=name, column=column, use=use, caps=None))
    return tuple(out)


class Reader:
    """Turns blocks into features, converting each column once a block."""

    def __init__(self, features: list[Feature], source: str) -> None:
        self._features = features
        self._source = source
        self._fill: dict[str, float] = {}

    def values(self, block: pa.Table, arm: Codes, first_row: int) -> dict[str, Floats]:
        """The features of a block by name."""
        raw: dict[str, Floats] = {}
        out = {}
        for feature in self._features:
            place = f"{self._source}: column {feature.column!r}"
            if feature.column not in raw:
                raw[feature.column] = numbers(block[feature.column], place, first_row)
            column = raw[feature.column]
            if feature.kind == "covariate":
                feature = replace(feature, fill=self._filling(feature.column, column))
            out[feature.name] = feature.of(column, arm, place, first_row)
        return out

    def _filling(self, column: str, raw: Floats) -> float:
        """The same value for every gap; any will do beside the indicator, the first block's mean is well
        scaled."""
        if column not in self._fill:
            there = raw[~np.isnan(raw)]
            if not len(there):
                return 0.0
            self._fill[column] = float(there.mean())
        return self._fill[column]
