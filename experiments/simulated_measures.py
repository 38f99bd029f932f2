"""What a metric can be in the simulation: measures of single members, and which of them stands behind each column of a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from experiments.plan_file import Plan
from experiments.plan_metric import Metric
from sim.errors import InputError
from sim.outcome import Outcome
from sim.state import WATCHED
from sim.typing import Floats


def _sum(name: str, scale: float = 1.0) -> Callable[[Outcome, Floats], Floats]:
    return lambda _, watch: watch[..., WATCHED.index(name)] * scale


def _contribution(outcome: Outcome, watch: Floats) -> Floats:
    margin = outcome.scenario.economics.gross_margin
    return (
        margin * watch[..., WATCHED.index("list_value")]
        - watch[..., WATCHED.index("benefit_cost")]
        + watch[..., WATCHED.index("fees")]
    ) / 100


MEASURES: dict[str, tuple[str, Callable[[Outcome, Floats], Floats]]] = {
    "purchases": ("purchases a member", _sum("purchases")),
    "spend": ("currency units paid a member", _sum("paid", 0.01)),
    "list_value": ("currency units a member before any benefit", _sum("list_value", 0.01)),
    "benefit_cost": ("currency units a member", _sum("benefit_cost", 0.01)),
    "contribution": ("gross margin and membership fees less benefit cost, currency units a member", _contribution),
    "redemptions": ("redemptions a member", _sum("redemptions")),
    "points_redeemed": ("points a member", _sum("points_redeemed")),
    "messages": ("messages a member", _sum("messages")),
    "active": ("1 = bought at least once", lambda _, w: (w[..., 0] > 0).astype(float)),
    "redeemed": (
        "1 = redeemed at least once",
        lambda _, w: (w[..., WATCHED.index("redemptions")] > 0).astype(float),
    ),
}
"""What a plan's metric can be in the simulation: name -> unit, and values from (n, periods, watched) sums."""


def columns_of(metric: Metric, problems: list[str]) -> dict[str, str]:
    """Column -> measure for a metric's column and denominator; what has none is added to `problems`."""
    stated = [metric.measure] if metric.measure else [metric.name, metric.column]
    found = [name for name in stated if name in MEASURES]
    allowed = ", ".join(MEASURES)
    if not found:
        problems.append(
            f"metric {metric.name}: {' and '.join(stated)} is no measure of single members; give measure, "
            f"one of {allowed}"
        )
        return {}
    out = {metric.column: found[0]}
    if metric.denominator is not None:
        if metric.denominator not in MEASURES:
            problems.append(
                f"metric {metric.name}: the denominator {metric.denominator} is no measure of single "
                f"members; it must be one of {allowed}"
            )
            return {}
        out[metric.denominator] = metric.denominator
    return out


def covariates_of(plan: Plan, columns: Mapping[str, str], first: int) -> tuple[dict[str, str], list[str]]:
    """Covariate -> measure of those that can be simulated; what cannot, in words.

    columns: column -> measure of the metrics; first: days that are simulated before the window. Raises InputError for a measure
    that there is not.
    """
    wanted = list(dict.fromkeys(column for metric in plan.metrics for column in metric.covariates))
    known = {f"pre_{column}": measure for column, measure in columns.items()}
    known |= {f"pre_{measure}": measure for measure in MEASURES} | plan.pre_measures
    wrong = {column: measure for column, measure in plan.pre_measures.items() if measure not in MEASURES}
    if wrong:
        raise InputError(
            *(
                f"pre_measures.{column}: found {measure!r}; must be one of {', '.join(MEASURES)}"
                for column, measure in wrong.items()
            )
        )
    if not wanted:
        return {}, []
    unknown = [column for column in wanted if column not in known]
    why = f"covariates ({', '.join(wanted)}): effects were not adjusted, because "
    if not plan.pre_days:
        return {}, [why + "pre_days does not say over how many days before the window they are measured"]
    if first < plan.pre_days:
        return {}, [f"{why}the simulated period begins {first} days before the window and they need {plan.pre_days}; see warm_up"]
    if unknown:
        lacking = [f"covariates ({', '.join(unknown)}): pre_measures does not say which measure they are before the window"]
    else:
        lacking = []
    return {column: known[column] for column in wanted if column in known}, lacking
