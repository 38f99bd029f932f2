"""The backtest of a programme: fit on the rows before a date, forecast the months after, score, explain."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom

from scenarios.finance.backtest.activity import Activity, Columns, Rule, month_number, read_activity
from scenarios.finance.backtest.fitted import Fitted, check_start, fit
from scenarios.finance.backtest.habits import Effect, habits
from scenarios.finance.backtest.ladder import ladder_forecast
from scenarios.finance.backtest.lots import points_of
from scenarios.finance.backtest.planned import plan_against_actual
from scenarios.finance.backtest.scored import LINES, Measure, Runs, actual_of, cost_lines, measure, one_series
from scenarios.finance.backtest.standing import People, people_of, read_members, with_tiers
from scenarios.finance.forecast import forecast as forecast_of
from scenarios.finance.variance import Variance
from scenarios.numerals import integer
from scenarios.replications import Progress
from scenarios.sources import Where
from sim.errors import InputError
from sim.population import Population
from sim.scenario import Scenario
from sim.typing import Floats

_OTHERWISE = ("Incremental margin", "Who knows the programme")
"""Beginnings of notes of a snapshot that do not hold here: no margin is shown, and who redeems is known from the rows"""


@dataclass(frozen=True)
class Backtest:
    """How the forecast of a programme's own months did."""

    name: str
    currency: str
    months: list[dt.date]
    """(months,) last day of each month forecast"""
    before: list[dt.date]
    """last days of the months fitted"""
    measures: dict[str, Measure]
    """by the name of the line, those that the table tells"""
    fitted: Fitted
    habits: list[Effect]
    variances: list[Variance]
    """of each month, plan against actual cost; none where the table tells no cost"""
    event: str
    """what the cost is counted by in `variances`"""
    one_series: dict[str, str]
    """main lines that are a multiple of another, in the forecast and in what happened: they count once, as that one"""
    missing: dict[str, str]
    """what was not possible, and why"""
    rules: tuple[Rule, ...]
    """by which the table was read, over all its rows"""
    notes: list[str]
    provenance: dict[str, Any]

    @property
    def main(self) -> list[Measure]:
        """The lines by which trust is judged, those of one series once."""
        return [m for m in self.measures.values() if m.line.main and m.line.name not in self.one_series]

    @property
    def inside(self) -> tuple[int, int]:
        """Months of the main lines whose actual lay between P10 and P90, and all of them."""
        return sum(round(m.score.coverage * len(m.actual)) for m in self.main), sum(len(m.actual) for m in self.main)

    @property
    def too_narrow(self) -> bool:
        """Whether so few months inside would be rarer than 1 in 20, were bands right and months apart from one another."""
        inside, of = self.inside
        return bool(of and binom.cdf(inside, of, 0.8) < 0.05)

    @property
    def trust(self) -> str:
        """yes: every main line held, none was beaten by a simple forecast, bands not too narrow; no: fewer than half held;
        else part."""
        held = [m.held for m in self.main]
        if sum(held) * 2 < len(held) or not held:
            return "no"
        return "yes" if all(held) and not self.too_narrow and not any(m.beaten for m in self.main) else "part"


def backtest(
    activity: Where, columns: Columns, scenario: Scenario, date: dt.date, *, members: Where | None = None,
    replications: int = 40, seed: int = 0, joining: float | None = None, members_before: str = "unknown",
    population: Population | None = None, threads: int | None = None, say: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Backtest:  # fmt: skip
    """Backtest the forecast of a programme.

    activity: a row a purchase, or a member and month (scenarios.finance.backtest.activity); scenario: the programme; date: first
    day of the forecast, the first of a month; members: ids, days of joining, tiers, balances (standing.TABLE); replications:
    joint draws of luck and parameters, 2 or more; joining: new members a month as a share of members (default: the members table,
    else what the calibration finds); members_before: whether members were there before the rows, as in calibrate; population:
    members known already, taken as they are; default: calibrated on the rows before; say: told in words what is being done;
    progress: as of scenarios.finance.forecast.

    Nothing but rows before `date` enters the fit, the members at the start and the forecast. Raises InputError for tables that
    cannot be read, dates outside them and rows too few to fit.
    """
    if replications < 2:
        raise InputError(f"replications: found {replications}, allowed is a whole number from 2 on")
    tell = say or (lambda text: None)
    tell("reading")
    rows = read_activity(activity, columns, scenario)
    table = None if members is None else read_members(members, scenario)
    check_start(date, rows)
    everyone, people = people_of(table, rows, scenario), people_of(table, rows.before(date), scenario)
    whole, known = with_tiers(rows, everyone), with_tiers(rows.before(date), people)
    fitted = fit(known, people, scenario, seed=seed, joins=joining, before=members_before, population=population, progress=say)
    tell("looking for habits")
    answers = habits(known, fitted.occasions, fitted.scenario)
    ahead = month_number(whole.end) - month_number(date) + 1
    runs = Runs()
    made = forecast_of(
        fitted.scenario, snapshot=fitted.start, months=ahead, replications=replications, seed=seed, threads=threads,
        progress=progress, seen=runs.seen,
    )  # fmt: skip
    tell("scoring")
    costs = cost_lines(known)
    measures, once, missing = _measures(whole, known, fitted, runs, costs, everyone)
    variances: list[Variance] = []
    event = ""
    if "cost" in measures:
        tiers = len(scenario.programme.tiers)
        variances, event = plan_against_actual(runs, whole, everyone, known.months, costs, tiers)
    else:
        missing["plan against actual"] = "the table has no column of cost (--cost)"
    return Backtest(
        name=scenario.name,
        currency=scenario.market.currency,
        months=made.months,
        before=_ends(known),
        measures=measures,
        fitted=fitted,
        habits=answers,
        variances=variances,
        event=event,
        one_series=once,
        missing=missing,
        rules=(*whole.rules, *people.rules),
        notes=[*fitted.notes, *(n for n in fitted.standing.snapshot.notes if not n.startswith(_OTHERWISE))],
        provenance={
            "version": version("loyalsim"), "activity": whole.name, "rows_before": len(known.day),
            "rows_after": len(whole.day) - len(known.day), "digest_before": _digest(known),
            "fitted_from": known.start.isoformat(), "fitted_to": known.end.isoformat(),
            "forecast_from": date.isoformat(), "forecast_to": whole.end.isoformat(), "members": fitted.standing.snapshot.size,
            "replications": replications, "seed": seed, "scenario": scenario.name, "members_before": members_before,
        },
    )  # fmt: skip


def _measures(
    whole: Activity, known: Activity, fitted: Fitted, runs: Runs, costs: tuple[str, ...], everyone: People
) -> tuple[dict[str, Measure], dict[str, str], dict[str, str]]:
    """The scores of every line that the table tells, which of them are one series, and why others are missing."""
    missing: dict[str, str] = {}
    stood = fitted.standing
    held = pd.Series(stood.held, index=stood.who).reindex(everyone.who, fill_value=0).to_numpy(np.int64)
    points = points_of(whole, held, fitted.scenario.programme.expiry)
    actual, draws = actual_of(whole, points), runs.draws(whole, fitted.purchases_each, costs)
    ladder: dict[str, Floats] = {}
    if "points_redeemed" in actual:
        try:
            redeemed, outstanding = ladder_forecast(stood.points, whole.months - known.months)
            ladder = {"points_redeemed": redeemed, "points_outstanding": outstanding}
        except InputError as problem:
            missing["chain ladder"] = str(problem)
    pair = ("cost", "points_redeemed")
    once = all(name in actual for name in pair) and all(one_series(*(of[name] for name in pair)) for of in (actual, draws))
    if once and ladder:
        each = [actual[name][: known.months].sum() for name in pair]
        ladder["cost"] = ladder["points_redeemed"] * float(each[0] / each[1])
    if known.months < 12:
        missing["same month last year"] = f"the table has {known.months} months before the forecast; 12 are needed"
    found = {}
    skip = 1 if known.begins_late and known.months > 1 else 0
    for line in LINES:
        if line.name not in actual:
            missing[line.title.lower()] = "the table has no column that tells it"
            continue
        values = actual[line.name]
        others = {"chain_ladder": ladder[line.name]} if line.name in ladder else {}
        found[line.name] = measure(
            line, draws[line.name], values[known.months :], values[skip : known.months], others
        )  # fmt: skip
    beyond = int(points.uncovered[known.months :].sum())
    if beyond:
        missing["points behind some redemptions"] = (
            f"{integer(beyond)} points were redeemed after the date beyond what is known of a balance; the points outstanding "
            "count them"
        )
    return found, {"points_redeemed": "cost"} if once else {}, missing


def _ends(a: Activity) -> list[dt.date]:
    first = np.datetime64(a.start, "M")
    ends = (first + np.arange(1, a.months + 1)).astype("datetime64[D]") - 1
    return [end.item() for end in ends]


def _digest(a: Activity) -> str:
    """sha256 of the rows as they were used."""
    digest = hashlib.sha256("\n".join(a.who.astype(str)).encode())
    for values in (a.member, a.day, a.purchases, a.value, a.earned, a.redeemed, a.cost, a.tier):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
