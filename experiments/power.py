"""How many members an experiment needs, what it can find, and how long it takes: by formula.

Power by simulation, with the members of the engine and the estimator of the read-out, is in
`simulated_power`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import optimize, special, stats

from experiments.plan_file import Plan
from experiments.plan_metric import Metric
from experiments.power_words import cluster_sentences, sentences_of
from experiments.sequential import anytime_factor, inflation


@dataclass(frozen=True)
class Noise:
    """What one member of each arm adds to the variance of an effect, in the metric's unit squared."""

    control: float
    treated: float


def mean_noise(sd: float, correlation: float = 0.0) -> Noise:
    """Of a mean, or of a ratio with the sd of (y - R x) / mean x; covariates take r^2 of the variance
    away."""
    variance = sd**2 * (1 - correlation**2)
    return Noise(variance, variance)


def proportion_noise(control: float, treated: float, correlation: float = 0.0) -> Noise:
    """Of two proportions, p (1 - p) each, unpooled."""
    left = 1 - correlation**2
    return Noise(control * (1 - control) * left, treated * (1 - treated) * left)


def design_effect(cluster_size: float, icc: float, size_cv: float = 0.0) -> float:
    """Variance with clusters relative to members one by one: 1 + (m (1 + cv^2) - 1) icc.

    Kish (1965); for unequal clusters Eldridge, Ashby, Kerry (2006).

    cluster_size: mean members m a cluster; size_cv: coefficient of variation of the sizes.
    """
    return 1 + (cluster_size * (1 + size_cv**2) - 1) * icc


def sample_size(
    noise: Noise, effect: float, alpha: float = 0.05, power: float = 0.8, ratio: float = 1.0
) -> int:
    """Members in the control arm for a two-sided test; the treated arm needs `ratio` times as many.

    (z_{1 - alpha/2} + z_power)^2 (v_0 + v_1 / ratio) / effect^2, unpooled.
    """
    z = float(special.ndtri(1 - alpha / 2) + special.ndtri(power))
    return math.ceil(z**2 * (noise.control + noise.treated / ratio) / effect**2 - 1e-9)


def power_of(
    noise: Noise, effect: float, control: float, treated: float, alpha: float = 0.05, df: float = math.inf
) -> float:
    """Power of a two-sided test of a difference; control, treated: members an arm (may be effective numbers).

    df: degrees of freedom; with few clusters their number less 2, by the noncentral t distribution.
    """
    shift = abs(effect) / math.sqrt(noise.control / control + noise.treated / treated)
    if math.isinf(df):
        bound = float(special.ndtri(1 - alpha / 2))
        return float(special.ndtr(shift - bound) + special.ndtr(-shift - bound))
    if df < 1:
        return 0.0
    bound = float(stats.t.ppf(1 - alpha / 2, df))
    return float(stats.nct.sf(bound, df, shift) + stats.nct.cdf(-bound, df, shift))


def detectable(
    noise: Noise,
    control: float,
    treated: float,
    alpha: float = 0.05,
    power: float = 0.8,
    df: float = math.inf,
) -> float:
    """Minimum detectable effect: the difference that is found with `power`; inf where none is (df below
    1)."""
    if df < 1:
        return math.inf
    se = math.sqrt(noise.control / control + noise.treated / treated)

    def lack(effect: float) -> float:
        return power_of(noise, effect, control, treated, alpha, df) - power

    high = se * 4
    while lack(high) < 0:
        high *= 2
    return float(optimize.brentq(lack, 0.0, high, xtol=1e-9 * se))


@dataclass(frozen=True)
class MetricPower:
    """What the planned experiment can say on one metric, for one arm against the control."""

    metric: str
    arm: str
    minimum_effect: float
    members_needed: int
    """in both arms together, looks, covariates and clusters counted"""
    members_planned: float
    """in both arms together; nan where the plan does not say"""
    power: float
    """for the minimum effect at the planned size; nan where the plan does not say"""
    detectable: float
    """minimum detectable effect at the planned size; nan where the plan does not say"""
    design_effect: float
    inflation: float
    """factor on the size for looking more than once"""
    weeks: int | None
    """weeks until everybody has been followed; none where the members never suffice or are not stated"""
    sentences: tuple[str, ...]


def plan_power(plan: Plan) -> list[MetricPower]:
    """Power of every metric with planning values, each arm against the control.

    A guardrail is planned for excluding its margin when there is no effect (one-sided alpha / 2, the same
    formula).
    """
    return [
        _metric_power(plan, metric, arm)
        for metric in plan.metrics
        if metric.planning is not None and (metric.kind == "proportion" or metric.planning.sd is not None)
        for arm in plan.treatments
    ]


def metric_noise(metric: Metric) -> Noise:
    """Variance a member of a metric with planning values; a quantile's sd is that of its influence."""
    planning = metric.planning
    assert planning is not None
    if metric.kind == "proportion":
        sign = 0 if metric.role == "guardrail" else 1 if metric.better == "higher" else -1
        treated = min(1.0, max(0.0, planning.baseline + sign * planning.minimum_effect))
        return proportion_noise(planning.baseline, treated, planning.covariate_correlation)
    assert planning.sd is not None
    return mean_noise(planning.sd, planning.covariate_correlation)


def look_inflation(plan: Plan) -> float:
    """Factor on the fixed-horizon size that the planned way of looking costs."""
    if plan.sequential == "fixed":
        return 1.0
    if plan.sequential == "anytime":
        fixed = float(special.ndtri(1 - plan.alpha / 2) + special.ndtri(plan.power))
        wide = anytime_factor(1.0, 1.0, plan.alpha) + float(special.ndtri(plan.power))
        return (wide / fixed) ** 2
    return inflation(plan.sequential, plan.fractions, plan.alpha, plan.power)


def weeks_until(plan: Plan, members: float) -> int | None:
    """Weeks until `members` (all arms) have entered and been followed; none where they never do or nobody
    says."""
    sizing = plan.sizing
    if sizing.members is None and sizing.members_per_week == 0:
        return None
    missing = max(0.0, members - (sizing.members or 0))
    if missing and sizing.members_per_week == 0:
        return None
    entering = math.ceil(missing / sizing.members_per_week) if missing else 0
    return entering + math.ceil(sizing.outcome_days / 7)


def _metric_power(plan: Plan, metric: Metric, arm: str) -> MetricPower:
    planning = metric.planning
    assert planning is not None
    size, noise = metric.aim, metric_noise(metric)
    clustered = plan.unit == "cluster"
    sizing = plan.sizing
    effect = design_effect(sizing.cluster_size or 1.0, planning.icc) if clustered else 1.0
    looks = look_inflation(plan)
    share_0, share_1 = plan.shares[plan.control], plan.shares[arm]
    control_needed = sample_size(noise, size, plan.alpha, plan.power, share_1 / share_0) * looks
    one_by_one = control_needed * (1 + share_1 / share_0)
    needed = math.ceil(one_by_one * effect - 1e-6)
    available = (
        (sizing.clusters or 0) * (sizing.cluster_size or 0.0) if clustered else float(sizing.members or 0)
    )
    if not available:
        nan = math.nan
        found, power, planned, unclustered = nan, nan, nan, nan
    else:
        n0, n1 = available * share_0, available * share_1
        df = (sizing.clusters or 0) * (share_0 + share_1) - 2 if clustered else math.inf
        cost = effect * looks
        power = power_of(noise, size, n0 / cost, n1 / cost, plan.alpha, df)
        found = detectable(noise, n0 / cost, n1 / cost, plan.alpha, plan.power, df)
        unclustered = detectable(noise, n0 / cost, n1 / cost, plan.alpha, plan.power)
        planned = n0 + n1
    every = needed / (share_0 + share_1)
    if clustered:
        weeks = math.ceil(sizing.outcome_days / 7) if power >= plan.power else None
    else:
        weeks = weeks_until(plan, every)
    told = cluster_sentences(plan, metric, math.ceil(one_by_one - 1e-6), unclustered, effect) if clustered else []
    sentences = tuple(sentences_of(plan, metric, needed, planned, power, found, weeks, told))
    return MetricPower(metric.name, arm, size, needed, planned, power, found, effect, looks, weeks, sentences)
