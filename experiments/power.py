"""How many members an experiment needs, what it can find, and how long it takes: by formula.

Power by simulation, with the members of the engine and the estimator of the read-out, is in
`simulated_power`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import optimize, special, stats

from experiments.plan_file import Metric, Plan
from experiments.sequential import anytime_factor, inflation
from scenarios.numerals import as_stated, integer, number, percent, significant


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


def aim(metric: Metric) -> float:
    """The difference that the metric is planned for, absolute: the smallest worth finding, or a guardrail's margin."""
    assert metric.planning is not None
    if metric.role != "guardrail" or metric.noninferiority_margin is None:
        return metric.planning.minimum_effect
    return metric.noninferiority_margin * (abs(metric.planning.baseline) if metric.scale == "relative" else 1.0)


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
    size, noise = aim(metric), metric_noise(metric)
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
    told = _cluster_sentences(plan, metric, math.ceil(one_by_one - 1e-6), unclustered, effect) if clustered else []
    sentences = tuple(_sentences(plan, metric, needed, planned, power, found, weeks, told))
    return MetricPower(metric.name, arm, size, needed, planned, power, found, effect, looks, weeks, sentences)


def _sentences(
    plan: Plan,
    metric: Metric,
    needed: int,
    planned: float,
    power: float,
    found: float,
    weeks: int | None,
    clusters: list[str],
) -> list[str]:
    planning = metric.planning
    assert planning is not None
    if metric.role == "guardrail":
        what = f"Excluding a loss of {as_stated(aim(metric))} in {metric.name} where nothing is lost"
        verb, kind = "exclude", "losses"
    else:
        what = f"Finding a change of {metric.name} from {as_stated(planning.baseline)} by {as_stated(planning.minimum_effect)}"
        verb, kind = "find", "effects"
    out = [f"{what} with power {percent(plan.power, 0)} needs {integer(needed)} members in the two arms."]
    if not math.isnan(power):
        shown = f"no {kind} of any size" if math.isinf(found) else f"{kind} from {significant(found)} on"
        out.append(
            f"The {integer(planned)} planned members {verb} it with probability {percent(power, 0)}, and {shown} with "
            f"{percent(plan.power, 0)}."
        )
    if plan.unit == "cluster":
        out += clusters
        out += _cluster_duration(plan, needed, power)
    elif weeks is not None:
        days = (plan.end - plan.start).days + 1
        out.append(f"That takes {weeks} weeks with {plan.sizing.outcome_days} days of follow-up.")
        if weeks * 7 > days:
            out.append(f"The window has only {days} days.")
    elif math.isnan(power) or power < plan.power:
        out.append("The members stated in sizing never reach that number.")
    if plan.sizing.outcome_days < 14:
        out.append("Less than two weeks of follow-up shows the novelty of an offer, not what stays of it.")
    return out


def _cluster_duration(plan: Plan, needed: int, power: float) -> list[str]:
    """How many clusters, and how long: clusters are all there at the start, so only the follow-up takes time."""
    sizing = plan.sizing
    if not sizing.cluster_size:
        return []
    count = math.ceil(needed / sizing.cluster_size)
    out = [f"That is {integer(count)} clusters of {integer(sizing.cluster_size)} in the two arms."]
    if math.isnan(power) or power < plan.power:
        out.append(
            "A longer test adds no clusters: it helps only as far as members of one cluster come to be less alike, which "
            "cannot be planned on."
        )
    else:
        out.append(f"It takes {math.ceil(sizing.outcome_days / 7)} weeks, the {sizing.outcome_days} days of follow-up.")
    return out


def _cluster_sentences(plan: Plan, metric: Metric, one_by_one: int, alike: float, effect: float) -> list[str]:
    """What the number of clusters can and cannot show, in words.

    one_by_one: members needed without clusters; alike: the smallest effect found were the clusters known to be alike.
    """
    planning, sizing = metric.planning, plan.sizing
    assert planning is not None
    count, size = sizing.clusters or 0, sizing.cluster_size or 0.0
    out = []
    if size:
        out.append(
            f"Members of one {plan.columns.cluster} are alike (intraclass correlation {as_stated(planning.icc)}): "
            f"{integer(size)} of them tell as much as {integer(size / effect)} members from everywhere "
            f"(design effect {number(effect, 2)}). Randomised one by one, {integer(one_by_one)} members in the two arms would do."
        )
    if count:
        smallest = min(plan.shares.values()) * count
        if smallest < 2:
            least = significant(alike)
            known = f"Even if that difference were known, only effects from {least} on would be found. " if size else ""
            out.append(
                f"With {count} clusters an arm has a single one, or none: the difference between arms "
                "cannot be told from the difference between these places, whatever the number of members. "
                f"{known}Such a pilot shows whether the programme works in practice; it shows no effect."
            )
        elif smallest < 6:
            out.append(
                f"With {count} clusters the number of clusters, not of members, limits what can be shown; "
                "six or more an arm are usual."
            )
    return out
