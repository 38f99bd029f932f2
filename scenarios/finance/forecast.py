"""What the benefits of a programme will cost, month by month and line by line, and how wrong that can be."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
import pandas as pd

from scenarios.comparison import run_seed
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
from scenarios.finance.forecast_run import Run, lines_of, run_of
from sim.errors import InputError
from sim.measures import present_value
from sim.opening import Opening
from sim.outcome import Outcome, simulate
from sim.scenario import Scenario
from sim.typing import Floats

Progress = Callable[[int, int, str], None]


class Start(Protocol):
    """Where a forecast can start other than at day 0 of a programme; see scenarios.finance.snapshot."""

    @property
    def day(self) -> dt.date:
        """The first day of the forecast."""
        ...

    @property
    def size(self) -> int:
        """Members of the programme."""
        ...

    @property
    def label(self) -> str:
        """Where it comes from, for the provenance."""
        ...

    @property
    def notes(self) -> list[str]:
        """What was done about what did not add up; sentences."""
        ...

    def opening(self, scenario: Scenario, *, seed: int, draw: int | None) -> Opening:
        """The members, for one replication of luck and parameters."""
        ...


@dataclass(frozen=True)
class At:
    """A start from the end of a simulated run (Outcome.state): the same members in every replication."""

    state: Opening
    label: str = "the end of a simulated run"
    notes: list[str] = field(default_factory=list)

    @property
    def day(self) -> dt.date:
        """The first day of the forecast."""
        return self.state.start

    @property
    def size(self) -> int:
        """Members of the programme."""
        return self.state.n

    def opening(self, scenario: Scenario, *, seed: int, draw: int | None) -> Opening:
        """The members; who they are is known here, so neither luck nor parameters change it."""
        return self.state


def forecast(
    scenario: Scenario, *, snapshot: Start | Opening | None = None, months: int = 36, members: int | None = None,
    replications: int = 20, seed: int = 0, budget: float | Sequence[float] | None = None, threads: int | None = None,
    progress: Progress | None = None, seen: Callable[[Outcome], None] | None = None, beyond: int = 0,
) -> Forecast:  # fmt: skip
    """Forecast a programme's cost, sales, margin and points.

    snapshot: members to start from (scenarios.finance.snapshot, or Outcome.state of a run), None for new ones; months: length;
    members: simulated members of a start without snapshot (default: population.members; fixed costs and everything else are for
    that many); replications: joint draws of luck and parameters; as many again, at most 10, show luck alone; budget: currency
    units for the whole period (fixed cost in its months, the rest evenly) or one number a month, against benefit and fixed cost;
    threads: default all cores;
    progress: called as progress(done, total, label); seen: called with the outcome of each joint replication, in their order;
    beyond: further months that are simulated (up to 120 in all), in Forecast.longer, from which the books know how points end.

    The same seed gives the same members and luck for every scenario, so two forecasts differ replication by replication only by
    what their scenarios differ in. Raises InputError for months or replications out of range, members given with a snapshot, or a
    scenario that cannot go on from the snapshot.
    """
    start = At(snapshot) if isinstance(snapshot, Opening) else snapshot
    shown = placed(scenario, start, months)
    dated = placed(scenario, start, min(120, months + beyond))
    if replications < 1:
        raise InputError(f"replications: found {replications}, allowed is a whole number from 1 on")
    if start is not None and members is not None:
        raise InputError("members: the snapshot says how many there are; leave members out")
    runs: list[Run] = []
    luck: list[Floats] = []
    lucky = min(replications, 10) if replications > 1 else 0
    for k in range(replications + lucky):
        number = run_seed(seed, k if k < replications else k - replications)
        draw = number if k < replications else None
        opening = start.opening(dated, seed=number, draw=draw) if start else None
        o = simulate(
            dated, members=members, seed=number, draw=draw, threads=threads, opening=opening, cohorts=k < replications,
        )  # fmt: skip
        if k < replications:
            runs.append(run_of(o, opening))
            if seen is not None:
                seen(o)
        else:
            luck.append(lines_of(o))
        if progress is not None:
            progress(k + 1, replications + lucky, dated.name)
    found = _assembled(shown, start, [run.first(months) for run in runs], [lines[:months] for lines in luck], seed, budget)
    return replace(found, longer=_assembled(dated, start, runs, luck, seed, None)) if beyond else found


def placed(scenario: Scenario, start: Start | None, months: int) -> Scenario:
    """The scenario over `months` from where the forecast starts. Raises InputError for months out of range.

    With a start its members are the programme's, so that population.members, to which the fixed costs belong, is their number.
    """
    if not 1 <= months <= 120:
        raise InputError(f"months: found {months}, allowed is 1 to 120")
    update: dict[str, Any] = {"months": months}
    population = scenario.population
    if start is not None:
        update["start"] = start.day
        population = population.model_copy(update={"members": start.size})
    return scenario.model_copy(
        update={"horizon": scenario.horizon.model_copy(update=update), "population": population}
    )


def _assembled(
    scenario: Scenario, start: Start | None, runs: list[Run], luck: list[Floats], seed: int,
    budget: float | Sequence[float] | None,
) -> Forecast:  # fmt: skip
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
        provenance=_provenance(scenario, start, runs[0].members, len(runs), seed),
        shocked=bool(scenario.population.shocks.stated()),
        assumptions=[*assumptions_of(scenario), *budget_assumption(risk, scenario.market.currency)],
        notes=[*(start.notes if start else []), *_left_out(scenario, start is not None)],
    )


def months_of(scenario: Scenario) -> list[dt.date]:
    """The last day of each month of its horizon."""
    return _month_ends(scenario, range(scenario.horizon.months))


def _month_ends(scenario: Scenario, numbers: Sequence[int] | range) -> list[dt.date]:
    first = pd.Timestamp(scenario.horizon.start)
    return [(first + pd.DateOffset(months=k + 1)).date() - dt.timedelta(days=1) for k in numbers]


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


def _cohorts(scenario: Scenario, runs: list[Run], months: list[dt.date]) -> Cohorts:
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


def _tier_points(scenario: Scenario, runs: list[Run]) -> TierPoints:
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


def _provenance(scenario: Scenario, start: Start | None, members: int, replications: int, seed: int) -> dict[str, Any]:
    stated = json.dumps(scenario.model_dump(mode="json"), sort_keys=True)
    months = months_of(scenario)
    return {
        "version": version("loyalsim"),
        "scenario": scenario.name,
        "scenario_digest": hashlib.sha256(stated.encode()).hexdigest(),
        "population_source": scenario.population.source,
        "members": members,
        "replications": replications,
        "seed": seed,
        "start": scenario.horizon.start.isoformat(),
        "end": months[-1].isoformat(),
        "snapshot": start.label if start else None,
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
    return found
