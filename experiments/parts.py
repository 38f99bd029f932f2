"""A read-out by part: effects week by week, watched for novelty, and segment by segment, drawn towards each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from experiments.aggregates import Aggregate, Key
from experiments.arm_means import ArmMeans, Variance, arm_means
from experiments.effect_rows import EffectRows
from experiments.effect_words import effect_text, p_text
from experiments.estimators import Effect, Undefined, covariance
from experiments.features import Features
from experiments.plan_metric import Metric
from experiments.records import Estimand, Estimate, Gate
from experiments.scan import Scan
from experiments.segments import shrink, trend
from scenarios.numerals import integer
from sim.errors import InputError

_NAMED = 12  # parts that a sentence names


@dataclass
class Parts:
    """Rows and gates of the weeks and segments of `scan`; estimands: of the metrics that have an effect overall."""

    of: EffectRows
    scan: Scan
    features: Features
    estimands: Mapping[str, Estimand]
    variance: Variance
    rows: list[Estimate] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """parts with too little in them to estimate an effect"""

    def found(self) -> Parts:
        """The same with its rows and gates: weeks first."""
        self._weeks()
        self._segments()
        if self.left_out:
            names = list(dict.fromkeys(self.left_out))
            more = f" and {integer(len(names) - _NAMED)} more" if len(names) > _NAMED else ""
            named = ", ".join(names[:_NAMED]) + more
            sentence = f"Not shown, because there is too little in them to estimate an effect: {named}."
            self.gates.append(Gate(name="left out", passed=False, blocks=False, sentence=sentence))
        return self

    def _weeks(self) -> None:
        for name, aggregate in self.scan.weekly.items():
            metric = self.of.plan.metric(name)
            if name not in self.estimands:
                continue
            means = arm_means(aggregate, list(self.of.plan.arms), self.variance)
            relative = self.estimands[name].scale == "relative"
            found: dict[str, list[Effect]] = {arm: [] for arm in self.of.plan.treatments}
            for week, target in enumerate(self.features.weekly_targets(name), start=1):
                try:
                    effects = self.of.effects(means, target)
                except Undefined:
                    self.left_out.append(f"{name} in week {week}")
                    continue
                for arm, one in zip(self.of.plan.treatments, effects, strict=True):
                    if (relative and one.relative is None) or one.se == 0:
                        self.left_out.append(f"{name} of {arm} in week {week}")
                        continue
                    found[arm].append(one)
                    self.rows.append(self.of.row(metric, arm, one, means, relative, week=week))
            if metric.role == "primary":
                for arm, effects in found.items():
                    self._novelty(means, arm, effects)

    def _novelty(self, means: ArmMeans, arm: str, effects: list[Effect]) -> None:
        if len(effects) < 3:
            return
        joint = covariance(means, effects, [False] * len(effects))
        slope, se = trend(np.array([one.effect for one in effects]), joint)
        p = float(2 * special.ndtr(-abs(slope) / se)) if se > 0 else 1.0
        steady = p >= self.of.plan.alpha
        primary = self.of.plan.primary
        change = f"{effect_text(slope)} {primary.unit}".rstrip()
        sentence = f"{primary.name}, {arm}: the effect changes by {change} a week ({p_text(p)})"
        sentence += "." if steady else "; the average of the window is no forecast of what stays."
        self.gates.append(
            Gate(
                name="novelty",
                passed=steady,
                blocks=False,
                statistic=slope,
                p=p,
                threshold=self.of.plan.alpha,
                sentence=sentence,
            )
        )

    def _segments(self) -> None:
        for column, aggregate in self.scan.segments.items():
            values = sorted({key[-1] for key in aggregate.keys})
            means = {value: self._part(aggregate, value) for value in values}
            small = [value for value, one in means.items() if one is None]
            if small:
                more = f" and {integer(len(small) - _NAMED)} more" if len(small) > _NAMED else ""
                sentence = f"{column}: too few members in an arm to show {', '.join(small[:_NAMED])}{more}."
                self.gates.append(Gate(name="small segments", passed=False, blocks=False, sentence=sentence))
            for metric in self.of.plan.metrics:
                if metric.kind == "quantile" or metric.name not in self.estimands:
                    continue
                for arm in self.of.plan.treatments:
                    self._segment_rows(
                        metric, arm, column, {v: one for v, one in means.items() if one is not None}
                    )

    def _segment_rows(self, metric: Metric, arm: str, column: str, means: dict[str, ArmMeans]) -> None:
        relative = self.estimands[metric.name].scale == "relative"
        rows = []
        for value, part in means.items():
            try:
                found = self.of.effects(part, self.features.targets[metric.name])
            except Undefined:
                self.left_out.append(f"{metric.name} in {column}={value}")
                continue
            one = found[self.of.plan.treatments.index(arm)]
            if (relative and one.relative is None) or one.se == 0:
                self.left_out.append(f"{metric.name} of {arm} in {column}={value}")
                continue
            rows.append(self.of.row(metric, arm, one, part, relative, segment=f"{column}={value}"))
        if len(rows) > 1:
            shrunk = shrink(np.array([row.effect for row in rows]), np.array([row.se for row in rows]))
            rows = [
                row.model_copy(update={"shrunk": float(e), "shrunk_se": float(s)})
                for row, e, s in zip(rows, shrunk.effect, shrunk.se, strict=True)
            ]
            if metric.role == "primary":
                alike = shrunk.p >= self.of.plan.alpha
                sentence = f"{metric.name}, {arm}: effects by {column} " + (
                    "differ no more than chance makes them" if alike else "differ beyond chance"
                )
                self.gates.append(
                    Gate(
                        name="segments alike",
                        passed=alike,
                        blocks=False,
                        p=shrunk.p,
                        threshold=self.of.plan.alpha,
                        sentence=f"{sentence} ({p_text(shrunk.p)}).",
                    )
                )
        self.rows += rows

    def _part(self, aggregate: Aggregate, value: str) -> ArmMeans | None:
        """Means within one segment; without strata where these are too thin, none where the segment is."""
        cells = aggregate.where(lambda key: key[-1] == value)
        length = 3 if self.of.plan.unit == "cluster" else 2
        merges: tuple[Callable[[Key], Key], ...] = (
            lambda key: key[:length],
            lambda key: (key[0], "all", *key[2:length]),
        )
        for merge in merges:
            try:
                return arm_means(cells.by(merge), list(self.of.plan.arms), self.variance)
            except InputError:
                continue
        return None
