"""What each metric of a plan estimates, in the words that a prediction and a read-out must share."""

from __future__ import annotations

from experiments.plan_file import Plan
from experiments.plan_metric import Metric
from experiments.records import Estimand

_KINDS = {
    "mean": "difference in means",
    "proportion": "difference in proportions",
    "ratio": "difference in ratios of means",
}


def estimand(plan: Plan, metric: Metric) -> Estimand:
    """The estimand of `metric` under `plan`."""
    return Estimand(
        metric=metric.name,
        population=plan.population,
        window_start=plan.start,
        window_end=plan.end,
        capping=metric.capping,
        estimator=estimator(plan, metric),
        scale=metric.scale,
    )


def estimator(plan: Plan, metric: Metric) -> str:
    """The estimator in words, such as `difference in means, CUPED on pre_spend, post-stratified by tier`."""
    words = [
        f"difference in {metric.quantile:g} quantiles" if metric.kind == "quantile" else _KINDS[metric.kind]
    ]
    if metric.adjustment != "none":
        name = "CUPED" if metric.adjustment == "cuped" else "Lin's interacted adjustment"
        words.append(f"{name} on {', '.join(metric.covariates)}")
    if plan.strata and metric.kind != "quantile":
        words.append(f"post-stratified by {', '.join(plan.strata)}")
    if plan.unit == "cluster":
        method = "cluster means" if plan.cluster_variance == "aggregated" else plan.cluster_variance.upper()
        words.append(f"clusters of {plan.columns.cluster} ({method})")
    return ", ".join(words)
