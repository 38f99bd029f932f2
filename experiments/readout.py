"""The live result: one pass over the data, then gates, effects and decisions."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.aggregates import Aggregate
from experiments.arm_means import Variance, arm_means
from experiments.cutting import with_quantiles
from experiments.decisions import decide
from experiments.documents import Readout
from experiments.effect_rows import EffectRows
from experiments.estimands import estimand
from experiments.estimators import Effect, Target, Undefined, covariance
from experiments.events import EventSource
from experiments.features import BELOW, Features, features_of
from experiments.gates import Until, balance_gate, covariate_gate, events_gate, look_gates, sample_ratio_gates, unit_gates
from experiments.looks import Look, look_of
from experiments.outliers import outlier_gate
from experiments.parts import Parts
from experiments.plan_file import Plan
from experiments.plan_metric import Metric
from experiments.records import Estimate, Fact, Gate
from experiments.scan import Scan, label_columns, scan
from scenarios.digest import file_digest
from scenarios.numerals import significant
from scenarios.source_numbers import NumberSource
from scenarios.sources import Source, file_of, label, open_source, require
from sim.errors import InputError
from sim.typing import Floats

Table = str | Path | pd.DataFrame


def read(
    live: Table,
    plan: Plan,
    look: int | None = None,
    events: Table | None = None,
    as_of: dt.date | None = None,
    information: Sequence[float] = (),
) -> Readout:
    """The read-out of `live` under `plan`, sealed.

    live: the members' table (file, database URL with #table, or data frame), one row a member; events: an
    event table (member, date, values) from which the metrics are made, `live` then giving member, arm and
    exposure. look: number of the planned look, from 1; none = the last. as_of: last day that the data hold; none = the
    day of the last event, and without events the whole window is taken to be there, and said to be; before the end of the
    window the last look gives no verdict. information: see `look_of`.

    Raises InputError for anything in the data that the plan does not allow.
    """
    plain = features_of(plan, events is not None, {})
    tables = [NumberSource(open_source(live), frozenset(plain.columns()))]
    source: Source = tables[0]
    if events is not None:
        require(source, label_columns(plan))
        happened = open_source(events)
        tables.append(NumberSource(happened, frozenset(happened.columns()) - {plan.columns.member, plan.columns.date}))
        source = EventSource(source, tables[1], plan)
    known = Until(as_of, "as stated") if as_of is not None else None
    if isinstance(source, EventSource):
        source.check_known_before()
        if known is None and (last := source.last_day()) is not None:
            known = Until(last, "the day of the last event")
    require(source, label_columns(plan) | plain.columns())
    features, quantiles = with_quantiles(plan, source, events is not None)
    found = scan(source, plan, features)
    try:
        analysis = _Analysis(plan, found, features, quantiles, look, known, information)
        if isinstance(source, EventSource) and (events_left := events_gate(source.left_out)):
            analysis.gates.append(events_left)
        return analysis.readout(_read_from(tables))
    except InputError as error:
        raise InputError(*(f"{source.name}: {problem}" for problem in error.problems)) from None


def _read_from(tables: list[NumberSource]) -> dict[str, Fact]:
    """What the tables are called, the digests of those that are files, and which columns of numbers are not plain."""
    facts: dict[str, Fact] = {"source": " with ".join(label(table.source) for table in tables)}
    facts |= {f"sha256 of {label(table.source)}": file_digest(path) for table in tables if (path := file_of(table.source))}
    written = [sentence for table in tables for sentence in table.told()]
    return {**facts, "thousands_and_decimals": "; ".join(written)} if written else facts


class _Analysis:
    """Everything that follows from the scan."""

    def __init__(
        self,
        plan: Plan,
        found: Scan,
        features: Features,
        quantiles: dict[str, tuple[Floats, Floats]],
        look: int | None,
        until: Until | None,
        information: Sequence[float],
    ) -> None:
        self.plan, self.scan, self.features, self.quantiles = plan, found, features, quantiles
        self.arms = list(plan.arms)
        self.variance: Variance = plan.cluster_variance if plan.unit == "cluster" else "member"
        self.means = arm_means(found.overall, self.arms, self.variance)
        self.look: Look = look_of(plan, look, float(self.means.units.sum()), information)
        self.until = until
        self.of = EffectRows(plan, self.look.level())
        self.estimands = {metric.name: estimand(plan, metric) for metric in plan.metrics}
        self.gates: list[Gate] = []
        self.rows: list[Estimate] = []

    def readout(self, read_from: dict[str, Fact]) -> Readout:
        """Gates, rows, decisions, in this order; read_from: facts of the tables."""
        self._check_variation()
        effects, scales = self._overall()
        self._gates(effects)
        parts = Parts(self.of, self.scan, self.features, self.estimands, self.variance).found()
        self.rows += parts.rows
        self.gates += parts.gates
        facts: dict[str, Fact] = {
            "software": importlib.metadata.version("loyalsim"),
            **read_from,
            "rows": self.scan.rows,
            "plan_digest": self.plan.digest,
            "look": self.look.at,
            "looks": len(self.plan.looks),
            "fraction": self.look.fraction,
            "sequential": self.plan.sequential,
            "alpha": self.plan.alpha,
            "level_of_this_look": self.of.level,
        }
        for metric in self.plan.metrics:
            if metric.role == "guardrail" and metric.noninferiority_margin is not None:
                loss = -1 if metric.better == "higher" else 1
                facts[f"guardrail.{metric.name}"] = loss * metric.noninferiority_margin
        if self.until is not None:
            facts |= {"as_of": self.until.day.isoformat(), "as_of_is": self.until.how}
        joint = covariance(self.means, effects, scales)
        return Readout(
            experiment=self.plan.experiment,
            arms=self.arms,
            control=self.plan.control,
            estimands=list(self.estimands.values()),
            rows=self.rows,
            covariance=[[float(value) for value in row] for row in joint],
            gates=self.gates,
            decisions=decide(self.plan, self.rows, self.gates, self.look),
            provenance=facts,
        ).sealed()

    def _check_variation(self) -> None:
        within = self.scan.overall.scatter.sum(axis=0)
        total = self.scan.overall.n.sum()
        for feature in self.features.overall:
            at = self.scan.overall.columns.index(feature.name)
            if feature.kind == "absent" and (self.scan.overall.mean[:, at] == 1).all():
                raise InputError(f"{feature.use} (column {feature.column!r}) is empty for everybody; nothing to adjust by")
            if feature.kind not in ("value", "share") or feature.name.endswith(BELOW):
                continue
            size = float(np.abs(self.scan.overall.mean[:, at]).max())
            between = np.ptp(self.scan.overall.mean[:, at]) if self.plan.unit == "cluster" else 0.0
            if math.sqrt(max(within[at, at], 0.0) / total) + between <= 1e-12 * size:
                value = self.scan.overall.mean[0, at]
                raise InputError(
                    f"{feature.use} (column {feature.column!r}) is {value:.6g} for everybody in an arm; "
                    "a constant has no effect to estimate, check the column"
                )

    def _overall(self) -> tuple[list[Effect], list[bool]]:
        effects, scales = [], []
        for metric in self.plan.metrics:
            try:
                found = self.of.effects(self.means, self._target(metric))
            except Undefined as problem:
                what = f", {metric.column} by {metric.denominator}" if metric.denominator else ""
                sentence = f"{metric.name}{what}: {problem}."
                self.gates.append(Gate(name="undefined effect", metric=metric.name, passed=False, sentence=sentence))
                continue
            relative = metric.scale == "relative"
            if relative and any(one.relative is None for one in found):
                relative = False
                changed: dict[str, object] = {"scale": "absolute"}
                self.estimands[metric.name] = self.estimands[metric.name].model_copy(update=changed)
                sentence = (
                    f"{metric.name}: the level of the control, {significant(found[0].base, 4)}, is within 3 standard "
                    "errors of 0; a relative effect would mean nothing, the absolute one is shown."
                )
                self.gates.append(Gate(name="relative effect", metric=metric.name, passed=False, sentence=sentence))
            for arm, one in zip(self.plan.treatments, found, strict=True):
                self.rows.append(self.of.row(metric, arm, one, self.means, relative))
                effects.append(one)
                scales.append(relative)
        if not effects:
            raise InputError(*(gate.sentence for gate in self.gates))
        self.estimands = {
            name: one for name, one in self.estimands.items() if any(r.metric == name for r in self.rows)
        }
        return effects, scales

    def _target(self, metric: Metric) -> Target:
        target = self.features.targets[metric.name]
        if metric.kind != "quantile":
            return target
        level, se = self.quantiles[metric.name]
        at = self.means.column(target.column)
        share_se = np.sqrt(self.means.variance[:, at, at])
        factor = np.where(share_se > 0, -se / np.where(share_se > 0, share_se, 1.0), 0.0)
        return replace(target, factor=tuple(factor.tolist()), level=tuple(level.tolist()))

    def _gates(self, effects: list[Effect]) -> None:
        plan = self.plan
        first = [*sample_ratio_gates(plan, self.scan), *unit_gates(self.scan, plan)]
        balance = balance_gate(plan, self.means, self.features.covariates)
        single = [covariate_gate(metric, self.features.targets[metric.name], self.scan.overall) for metric in plan.metrics]
        single += [self._outliers(metric, effects) for metric in plan.metrics]
        timing = look_gates(self.look, self.until)
        self.gates = [*first, *(gate for gate in (balance, *single) if gate), *timing, *self.gates]

    def _outliers(self, metric: Metric, effects: list[Effect]) -> Gate | None:
        before = [one for one in effects if one.target.name == metric.name]
        if not before or metric.name not in self.scan.extremes:
            return None

        def again(aggregate: Aggregate) -> list[Effect]:
            return self.of.effects(arm_means(aggregate, self.arms, self.variance), self._target(metric))

        return outlier_gate(metric, self.scan.overall, self.scan.extremes[metric.name], before, again, self.of.level)

