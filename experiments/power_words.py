"""What the planned size of an experiment can show and cannot, in plain sentences."""

from __future__ import annotations

import math

from experiments.effect_words import probability_text
from experiments.plan_file import Plan
from experiments.plan_metric import Metric
from scenarios.numerals import as_stated, integer, number, percent, significant


def sentences_of(
    plan: Plan,
    metric: Metric,
    needed: int,
    planned: float,
    power: float,
    found: float,
    weeks: int | None,
    clusters: list[str],
) -> list[str]:
    """What the planned members show of one metric and how long that takes; clusters: `cluster_sentences`."""
    planning, unit = metric.planning, f" {metric.unit}" if metric.unit else ""
    assert planning is not None
    if metric.role == "guardrail":
        what = f"Excluding a loss of {as_stated(metric.aim)}{unit} in {metric.name} where nothing is lost"
        verb, kind = "exclude", "losses"
    else:
        change = f"from {as_stated(planning.baseline)} by {as_stated(planning.minimum_effect)}{unit}"
        what = f"Finding a change of {metric.name} {change}"
        verb, kind = "find", "effects"
    out = [f"{what} with power {percent(plan.power, 0)} needs {integer(needed)} members in the two arms."]
    if not math.isnan(power):
        shown = f"no {kind} of any size" if math.isinf(found) else f"{kind} from {significant(found)} on"
        out.append(
            f"The {integer(planned)} planned members {verb} it with probability {probability_text(power)}, and {shown} with "
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
    elif plan.sizing.members is None and not plan.sizing.members_per_week:
        out.append("How many there will be is not stated in sizing.")
    elif math.isnan(power) or power < plan.power:
        out.append("The members stated in sizing are too few.")
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


def cluster_sentences(plan: Plan, metric: Metric, one_by_one: int, alike: float, effect: float) -> list[str]:
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
