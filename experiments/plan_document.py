"""The plan worked out, and the allocation made from it, as JSON documents."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import math
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from scipy import special

from experiments.assignment import Allocation
from experiments.documents import Document
from experiments.estimands import estimand
from experiments.gates import sample_ratio
from experiments.plan_file import Plan
from experiments.power import MetricPower, detectable, metric_noise, plan_power, power_of
from experiments.records import Estimand, Fact, Finite, NotNegative, Record
from experiments.sequential import boundary, crossing_probabilities
from experiments.simulated_power import SimulatedPower
from scenarios.numerals import as_stated, percent, significant


class PlannedPower(Record):
    """What the planned size can find on one metric, for one arm against the control."""

    metric: str
    arm: str
    baseline: Finite
    minimum_effect: Finite
    members_needed: int
    """both arms together; looks, covariates and clusters counted"""
    members_planned: NotNegative | None
    """both arms together; none = the plan does not say"""
    power: NotNegative | None
    detectable: NotNegative | None
    """minimum detectable effect; none = not stated, or no effect of any size"""
    design_effect: NotNegative
    inflation: NotNegative
    weeks: int | None
    sentences: list[str]
    curve: list[tuple[int, Finite, Finite | None]]
    """(members in both arms, power for the minimum effect, minimum detectable effect)"""


class FoundPower(Record):
    """Power on one metric by simulation, for one arm against the control; see `simulated_power`."""

    metric: str
    arm: str
    power: NotNegative
    error: NotNegative
    """standard error of `power`"""
    repeats: int
    detectable: NotNegative
    members: int
    """all arms together"""
    baseline: Finite
    sd: NotNegative
    explained: NotNegative
    """share of the variance that the covariates take away"""
    estimator: str


class PlannedLook(Record):
    """One planned look."""

    at: str
    fraction: Finite
    """share of the information"""
    bound: Finite | None
    """|Z| that ends the experiment; none where it may be looked at any time"""
    level: Finite | None
    """two-sided p-value of this look alone that ends it"""
    false_positives: Finite | None
    """probability of ending here, having not ended before, when there is no effect"""


class PlanDocument(Document):
    """The plan of an experiment worked out: what is measured, when it is looked at, what it can find."""

    kind_name: ClassVar[str] = "plan"
    kind: Literal["plan"] = "plan"
    experiment: str
    question: str
    population: str
    eligibility: list[str]
    arms: dict[str, Finite]
    """share by arm"""
    control: str
    unit: Literal["member", "cluster"]
    start: dt.date
    end: dt.date
    plan_digest: str
    estimands: list[Estimand]
    margins: dict[str, dict[str, Finite]]
    """by metric: the margins that the plan states"""
    roles: dict[str, str]
    units: dict[str, str] = {}
    """by metric"""
    looks: list[PlannedLook]
    power: list[PlannedPower]
    simulated: list[FoundPower] = []
    """power by simulation; empty where there is nothing to simulate"""
    warnings: list[str] = []
    """what the reader should know before the plan is fixed"""
    rules: list[str]
    provenance: dict[str, Fact] = {}


class AssignmentDocument(Document):
    """Who was allocated how: counts, and what is needed to do it again."""

    kind_name: ClassVar[str] = "assignment"
    kind: Literal["assignment"] = "assignment"
    experiment: str
    plan_digest: str
    salt: str
    method: str
    source: str
    rows: int
    eligible: int
    members: dict[str, int]
    """by arm"""
    units: dict[str, int]
    """randomised units by arm"""
    sample_ratio_p: Finite
    """of the units against the planned shares"""
    shares: dict[str, float] = {}
    """planned share of each arm"""
    written: list[str] = []
    """a sentence for each column of numbers that is not plain"""


def plan_document(plan: Plan, simulated: Sequence[SimulatedPower] = (), warnings: Sequence[str] = ()) -> PlanDocument:
    """`plan` worked out, sealed. simulated, warnings: see `simulated_power`."""
    margins: dict[str, dict[str, float]] = {}
    for metric in plan.metrics:
        stated = {
            "simulation": metric.simulation_margin,
            "non-inferiority": metric.noninferiority_margin,
            "equivalence": metric.equivalence_margin,
        }
        margins[metric.name] = {name: value for name, value in stated.items() if value is not None}
    return PlanDocument(
        experiment=plan.experiment,
        question=plan.question,
        population=plan.population,
        eligibility=[condition.words for condition in plan.eligibility],
        arms=plan.shares,
        control=plan.control,
        unit=plan.unit,
        start=plan.start,
        end=plan.end,
        plan_digest=plan.digest,
        estimands=[estimand(plan, metric) for metric in plan.metrics],
        margins=margins,
        roles={metric.name: metric.role for metric in plan.metrics},
        units={metric.name: metric.unit for metric in plan.metrics},
        looks=_looks(plan),
        power=[_power(plan, one) for one in plan_power(plan)],
        simulated=[
            FoundPower(**{name: getattr(one, name) for name in FoundPower.model_fields}) for one in simulated
        ],
        warnings=[*_disagreements(plan, simulated), *warnings],
        rules=[rule.words for rule in plan.rules],
        provenance={
            "software": importlib.metadata.version("loyalsim"),
            "alpha": plan.alpha,
            "power": plan.power,
            "sequential": plan.sequential,
            "multiplicity": plan.multiplicity,
        },
    ).sealed()


def assignment_document(allocation: Allocation) -> AssignmentDocument:
    """The record of `allocation`, sealed."""
    plan = allocation.plan
    blocked = bool(plan.strata or plan.cluster_column)
    return AssignmentDocument(
        experiment=plan.experiment,
        plan_digest=plan.digest,
        salt=plan.salt or plan.experiment,
        method="ranked by sha256(salt/unit) within strata, dealt out in proportion"
        if blocked
        else "by the first 8 bytes of sha256(salt/unit) as a share of 2^64, cut at the planned shares of the arms in their order",
        source=allocation.source.name,
        rows=allocation.rows,
        eligible=int(allocation.eligible.sum()),
        members=allocation.counts,
        units=allocation.units,
        sample_ratio_p=sample_ratio(allocation.units, plan.shares)[1],
        shares=plan.shares,
        written=list(allocation.written),
    ).sealed()


def _disagreements(plan: Plan, simulated: Sequence[SimulatedPower]) -> list[str]:
    """Where the planning values of a metric are not those of the simulated members."""
    out = []
    for one in simulated:
        metric = plan.metric(one.metric)
        planning = metric.planning
        if planning is None or one.arm != plan.treatments[0]:
            continue
        parts = []
        if _apart(one.baseline, planning.baseline):
            parts.append(f"a level of {significant(one.baseline)} (the plan says {as_stated(planning.baseline)})")
        if metric.kind != "proportion" and planning.sd is not None and _apart(one.sd, planning.sd):
            parts.append(f"a spread of {significant(one.sd)} (the plan says {as_stated(planning.sd)})")
        stated = planning.covariate_correlation**2
        if metric.covariates and one.explained and abs(one.explained - stated) > 0.15:
            parts.append(
                f"covariates that take away {percent(one.explained, 0)} of the variance (the plan's correlation of "
                f"{as_stated(planning.covariate_correlation)} says {percent(stated, 0)})"
            )
        if parts:
            out.append(f"{one.metric}: the simulated members have {' and '.join(parts)}; settle which is right before the start.")
    return out


def _apart(found: float, stated: float) -> bool:
    return abs(found - stated) > 0.2 * max(abs(found), abs(stated))


def _looks(plan: Plan) -> list[PlannedLook]:
    names = ["the end" if look == 1 else str(look) for look in plan.looks]
    if plan.sequential == "anytime":
        return [
            PlannedLook(at=name, fraction=t, bound=None, level=None, false_positives=None)
            for name, t in zip(names, plan.fractions, strict=True)
        ]
    if plan.sequential == "fixed":
        bounds = np.array([-float(special.ndtri(plan.alpha / 2))])
    else:
        bounds = boundary(plan.sequential, plan.fractions, plan.alpha)
    crossed = crossing_probabilities(bounds, plan.fractions)
    return [
        PlannedLook(
            at=name,
            fraction=t,
            bound=float(bound) if math.isfinite(bound) else None,
            level=float(2 * special.ndtr(-bound)),
            false_positives=float(p),
        )
        for name, t, bound, p in zip(names, plan.fractions, bounds, crossed, strict=True)
    ]


def _power(plan: Plan, one: MetricPower) -> PlannedPower:
    metric = plan.metric(one.metric)
    assert metric.planning is not None
    noise = metric_noise(metric)
    share = [
        plan.shares[arm] / (plan.shares[plan.control] + plan.shares[one.arm])
        for arm in (plan.control, one.arm)
    ]
    top = 2.0 * max(one.members_needed, 0.0 if math.isnan(one.members_planned) else one.members_planned)
    cost = one.design_effect * one.inflation
    curve = []
    for members in np.unique(np.geomspace(max(20.0, top / 200), max(40.0, top), 40).round()).tolist():
        size = plan.sizing.cluster_size or 1.0
        df = members / size - 2 if plan.unit == "cluster" else math.inf
        n0, n1 = (members * s / cost for s in share)
        found = detectable(noise, n0, n1, plan.alpha, plan.power, df)
        power = power_of(noise, one.minimum_effect, n0, n1, plan.alpha, df)
        curve.append((int(members), power, found if math.isfinite(found) else None))
    return PlannedPower(
        metric=one.metric,
        arm=one.arm,
        baseline=metric.planning.baseline,
        minimum_effect=one.minimum_effect,
        members_needed=one.members_needed,
        members_planned=_stated(one.members_planned),
        power=_stated(one.power),
        detectable=_stated(one.detectable),
        design_effect=one.design_effect,
        inflation=one.inflation,
        weeks=one.weeks,
        sentences=list(one.sentences),
        curve=curve,
    )


def _stated(value: float) -> float | None:
    return value if math.isfinite(value) else None
