"""The runs of a forecast put together: what they cost and bring by month and line, and how wrong that can be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from scenarios.answer import counted_at_cost
from scenarios.digest import scenario_digest
from scenarios.finance.assumptions import assumptions_of, budget_assumption
from scenarios.finance.budget import budget_at_risk
from scenarios.finance.forecast_document import (
    LINES,
    POINT_LINES,
    SPREAD,
    Cohorts,
    Forecast,
    TierPoints,
    limits,
    spread_of,
    tidy,
)
from scenarios.finance.forecast_run import Run
from scenarios.numerals import integer
from sim.margin import present_value
from sim.scenario import Scenario
from sim.setting import month_start
from sim.tables import BOUND
from sim.typing import Floats


def assembled(
    scenario: Scenario, runs: Sequence[Run], luck: Sequence[Floats], *, seed: int, snapshot: str | None, notes: Sequence[str],
    budget: float | Sequence[float] | None,
) -> Forecast:  # fmt: skip
    """The forecast that `runs` make, `luck` being the lines of those lived again with the parameters at their means.

    snapshot: where the members come from, None where they are new; notes: what was done about what did not add up there; seed and
    budget: as in scenarios.finance.forecast.forecast.
    """
    values = np.stack([run.lines for run in runs])
    lucky = np.stack(luck) if luck else values[:0]
    months = months_of(scenario)
    points = np.stack([run.points.T for run in runs])
    fixed = values[:, :, LINES.index("fixed_cost")]
    cost = values[:, :, LINES.index("benefit_cost")] + fixed
    risk = None if budget is None else budget_at_risk(cost, budget, fixed=fixed.mean(axis=0))
    return Forecast(
        name=scenario.name,
        currency=scenario.market.currency,
        members=runs[0].members,
        months=months,
        lines=tidy(spread_of(values, lucky, *limits(LINES)), months, LINES),
        totals=_totals(values, lucky),
        cost_share=_shares(values, lucky, months),
        present_value=_table(spread_of(_worth(values, scenario), _worth(lucky, scenario), *limits(LINES)), list(LINES)),
        points=tidy(spread_of(points.astype(float), points[:0].astype(float), low=0.0), months, POINT_LINES),
        values=values,
        luck_values=lucky,
        point_values=points,
        cohorts=_cohorts(scenario, runs, months),
        tiers=_tier_points(scenario, runs),
        peak_month=months[int(cost.mean(axis=0).argmax())],
        budget=risk,
        provenance=_provenance(scenario, snapshot, runs[0].members, len(runs), seed),
        shocked=bool(scenario.population.shocks.stated()),
        assumptions=[*assumptions_of(scenario, runs[0].members), *budget_assumption(risk, scenario.market.currency)],
        notes=[*notes, *_left_out(scenario, snapshot is not None)],
    )


def months_of(scenario: Scenario) -> list[dt.date]:
    """The last day of each month of its horizon."""
    return _month_ends(scenario, range(scenario.horizon.months))


def _month_ends(scenario: Scenario, numbers: Sequence[int] | range) -> list[dt.date]:
    return [month_start(scenario.horizon.start, k + 1) - dt.timedelta(days=1) for k in numbers]


def _table(found: Floats, names: list[str]) -> pd.DataFrame:
    return pd.concat([pd.DataFrame({"line": names}), pd.DataFrame(found, columns=list(SPREAD))], axis=1)


def _share(values: Floats) -> Floats:
    """(...,) benefit and fixed cost / gross sales, of (..., lines); NaN without sales."""
    cost = values[..., LINES.index("benefit_cost")] + values[..., LINES.index("fixed_cost")]
    sales = values[..., LINES.index("gross_sales")]
    return np.asarray(np.divide(cost, sales, out=np.full_like(cost, np.nan), where=sales > 0))


def _share_spread(values: Floats, luck: Floats) -> Floats:
    """SPREAD of the share; its mean is mean cost / mean sales, as in every sum of money on the page."""
    found = spread_of(_share(values), _share(luck), low=0.0)
    found[..., SPREAD.index("mean")] = _share(values.mean(axis=0))
    return found


def _totals(values: Floats, luck: Floats) -> pd.DataFrame:
    whole, lucky = values.sum(axis=1), luck.sum(axis=1)
    found = np.concatenate([spread_of(whole, lucky, *limits(LINES)), _share_spread(whole, lucky)[None]])
    return _table(found, [*LINES, "cost_share"])


def _shares(values: Floats, luck: Floats, months: list[dt.date]) -> pd.DataFrame:
    found = pd.DataFrame(_share_spread(values, luck), columns=list(SPREAD))
    return pd.concat([pd.DataFrame({"month": months}), found], axis=1)


def _worth(values: Floats, scenario: Scenario) -> Floats:
    return present_value(np.moveaxis(values, 1, 2), scenario.economics.discount_rate)


def _cohorts(scenario: Scenario, runs: Sequence[Run], months: list[dt.date]) -> Cohorts:
    """Every replication on the same rows, however far back the points of its members go."""
    past = max(run.past for run in runs)
    cohorts = np.stack([np.pad(run.cohorts, ((past - run.past, 0), (0, 0), (0, 0), (0, 0))) for run in runs])
    opening = np.stack([np.pad(run.opening, ((past - run.past, 0), (0, 0))) for run in runs])
    if (opening != opening[0]).any():
        raise RuntimeError("the points that members start with differ between replications")
    return Cohorts(
        earned=_month_ends(scenario, range(-past, len(months))),
        months=months,
        opening=opening[0],
        issued=cohorts[..., 0],
        redeemed=cohorts[..., 1],
        expired=cohorts[..., 2],
        clawed_back=cohorts[..., 3],
    )


def _tier_points(scenario: Scenario, runs: Sequence[Run]) -> TierPoints:
    found = np.stack([run.tiers for run in runs])
    return TierPoints(
        names=[tier.name for tier in scenario.programme.tiers],
        opening=runs[0].tiers_opening,
        issued=found[:, 0],
        redeemed=found[:, 1],
        expired=found[:, 2],
        clawed_back=found[:, 3],
        closing=found[:, 4] + found[:, 5],
    )


def _provenance(scenario: Scenario, snapshot: str | None, members: int, replications: int, seed: int) -> dict[str, Any]:
    return {
        "version": version("loyalsim"),
        "scenario": scenario.name,
        "scenario_digest": scenario_digest(scenario),
        "population_source": scenario.population.source,
        "members": members,
        "replications": replications,
        "seed": seed,
        "start": scenario.horizon.start.isoformat(),
        "end": scenario.horizon.end.isoformat(),
        "snapshot": snapshot,
    }


def _left_out(scenario: Scenario, goes_on: bool) -> list[str]:
    """What the forecast does not hold; goes_on: from a snapshot, whose own notes say what incremental margin compares with."""
    never = "had there been no programme from the first simulated day on"
    found = [] if goes_on else [f"Incremental margin compares with the same members and luck {never}."]
    if scenario.market.refunds is None:
        found.append(
            "Every purchase is kept (market.refunds is not given): returned sales and refunds read 0; no point is clawed back "
            "but those that members owe from before the start."
        )
    else:
        found.append(
            "Purchases from before the start are not returned, unless a run of the simulation is gone on with. Coupons and "
            "vouchers used at a purchase that is returned stay used; gifts and points of campaigns stay given."
        )
    if scenario.programme.fee is not None:
        found.append(
            "Who would not join, or would leave, because of the fee is not modelled: every member pays while an active customer. "
            "Fee income is of the month of payment; it is not spread over the term."
        )
    if scenario.programme.earning is not None and not scenario.economics.cost_per_point:
        found.append("economics.cost_per_point is 0: points earned at expected cost read 0.")
    found += [f"{said}." for said in counted_at_cost([scenario])]
    found.append(
        "What competitors do in answer, what members do to each other and who would join or stay away is not simulated. However "
        f"many offers act at once, a member's purchase rate is at most {integer(BOUND)} times what it is without them. The "
        "formula of each effect, and what studies found that this model does not reproduce, stand on the page of loyalsim run."
    )
    return found
