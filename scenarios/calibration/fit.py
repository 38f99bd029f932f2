"""From a transaction file to the members of a scenario: read, clean, choose, fit, check, write down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ValidationError

from scenarios.calibration.baskets import Baskets
from scenarios.calibration.before import before_of
from scenarios.calibration.candidates import CAME_OVER_BEFORE, GROWTH, PRIOR, RETURNS_BEFORE, Fit, fit_candidate, with_posterior
from scenarios.calibration.checks import distributions
from scenarios.calibration.choice import Choice, choose
from scenarios.calibration.document import population_document
from scenarios.calibration.expectations import baskets_of
from scenarios.calibration.forecast import MEASURES, Draws, actual, draw_futures, summarise, weekly_band
from scenarios.calibration.panel import Panel, check_enough, clean, holdout_day
from scenarios.calibration.people import common_shocks, population_data
from scenarios.calibration.season import WAVES
from scenarios.calibration.shocks import Shocks, Weeks, shocks_of, weeks_of
from scenarios.calibration.summary import choice_summary, parameter_summary, textbook_summary
from scenarios.calibration.table import read_table
from scenarios.sources import Where, first_row, label
from sim.errors import InputError
from sim.population import Population

FORECAST_DRAWS = 200
CHOICE_MEMBERS = 25_000
"""Members on whom models are tried, at most: more would take longer and choose no better. The one chosen is fitted to all"""
_PLANNED_DAYS = 182


@dataclass(frozen=True)
class Calibration:
    """The members of a scenario, and everything that a report says about how they were found.

    `population` is what a scenario takes; `document` is the same as commented YAML, the whole text of
    population.yaml; `report` is plain data (numbers, texts, lists and dicts), the content of fit.json.
    """

    population: Population
    document: str
    report: dict[str, Any]


def calibrate(
    transactions: Where,
    *,
    member: str,
    date: str,
    value: str,
    holdout_from: str | dt.date | None = None,
    members_before: str = "unknown",
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Calibration:
    """Calibrate members from transactions, one row a purchase: a file, a database table or a data frame (scenarios.sources).

    `member`, `date` and `value` name the columns; the days from `holdout_from` on are kept out of the fit
    and of every choice, and compared with their forecast. `members_before` tells what no row does, whether members
    were there before the rows begin: one of scenarios.calibration.before.Before. `progress` is told in words what is
    being done. The same table, answer and seed give the same result to the last bit.

    Raises InputError when the table cannot be read, a column is missing or holds something else, the
    held-out period lies outside the data, too few members or days are left, the rows say otherwise than `members_before`, or the
    fit is no population that a scenario can take.
    """
    before = before_of(members_before)
    frame, read_from, digest = read_table(transactions, member=member, date=date, value=value)
    where = read_from.name
    tell = progress or (lambda text: None)
    tell("cleaning")
    panel = clean(frame, member=member, date=date, value=value, where=where, first=first_row(read_from))
    cut = panel.days if holdout_from is None else holdout_day(panel, holdout_from, where)
    known = panel.before(cut)
    check_enough(known, where)
    horizon = panel.days - cut if holdout_from is not None else min(known.days // 3, _PLANNED_DAYS)
    choice = choose(known.sample(CHOICE_MEMBERS, seed), horizon, seed, tell, before, where)
    tell("fitting")
    fit = with_posterior(fit_candidate(known, choice.chosen))
    rng = np.random.default_rng([seed, 3])
    baskets = baskets_of(known, fit, rng)
    weeks = weeks_of(fit, known, rng)
    shocks = shocks_of(weeks, known)
    tell("forecasting")
    futures = draw_futures(fit, baskets, shocks, horizon, FORECAST_DRAWS, rng)
    source = {
        "file": label(read_from),
        "sha256": digest,
        "columns": {"member": member, "date": date, "value": value},
        "rows": len(frame),
        "members_before": before,
        "seed": seed,
    }
    period = {
        "start": known.start.isoformat(),
        "end": known.end.isoformat(),
        "days": known.days,
        "members": known.members,
        "purchases": len(known.day),
        "value": round(float(known.value.sum()), 2),
    }
    befalls = common_shocks(fit, shocks, choice.error)
    data = population_data(fit, baskets, known, befalls, source, period)
    report: dict[str, Any] = {
        "source": source,
        "period": period,
        "rules": [
            {"name": r.name, "text": r.text, "count": r.count, "unit": r.unit, "lines": list(r.places), "left_out": r.left_out}
            for r in panel.rules
        ],
        "parameters": parameter_summary(data, fit, baskets),
        "choice": choice_summary(choice, fit),
        "textbook": textbook_summary(known),
        "baskets": _basket_notes(baskets),
        "uncertainty": _uncertainty(choice, shocks, fit, horizon),
        "weekly": _weekly(
            panel, known, weeks, futures, choice, shocks, rng, horizon, holdout_from is not None
        ),
        **distributions(fit, known, rng),
        "population": data,
    }
    if holdout_from is not None:
        report["holdout"] = _holdout(panel, cut, horizon, futures, choice, rng)
    return Calibration(_population(data, where, value), population_document(data, report), report)


def _population(data: dict[str, Any], where: str, value: str) -> Population:
    """InputError where the fit is no population that the engine can run: amounts beyond all measure."""
    try:
        return Population.model_validate(data)
    except ValidationError as wrong:
        told = (
            f"{'.'.join(map(str, one['loc']))}"
            + (f" = {one['input']:.6g}" if isinstance(one["input"], float) else "")
            + f" ({one['msg'][0].lower()}{one['msg'][1:]})"
            for one in wrong.errors()
        )
        raise InputError(f"{where}: the fit gives {'; '.join(told)}; are the amounts in column {value!r} right?") from None


def _holdout(
    panel: Panel, cut: int, horizon: int, futures: Draws, choice: Choice, rng: np.random.Generator
) -> dict[str, Any]:
    after = panel.after(cut, horizon)
    truth = actual(after)
    forecast = summarise(futures, choice.error, rng)
    measures = {
        m: {**{k: round(v, 2) for k, v in forecast[m].items()}, "actual": round(truth[m], 2)}
        for m in MEASURES
    }
    return {
        "from": (panel.start + dt.timedelta(days=cut)).isoformat(),
        "to": panel.end.isoformat(),
        "days": horizon,
        "new_members_left_out": panel.members - panel.before(cut).members,
        **measures,
    }


def _weekly(
    panel: Panel,
    known: Panel,
    weeks: Weeks,
    futures: Draws,
    choice: Choice,
    shocks: Shocks,
    rng: np.random.Generator,
    horizon: int,
    held_out: bool,
) -> dict[str, Any]:
    spread = float(np.hypot(choice.error.spread["purchases"], shocks.rate))
    mean, low, high = weekly_band(futures, spread, choice.error.freedom, rng)
    result: dict[str, Any] = {
        "actual": weeks.actual.astype(int).tolist(),
        "fitted": weeks.fitted.round(1).tolist(),
        "forecast_from_day": known.days,
        "forecast_days": horizon,
        "forecast": mean.round(1).tolist(),
        "low": low.round(1).tolist(),
        "high": high.round(1).tolist(),
    }
    if held_out:
        after = panel.after(known.days, panel.days - known.days)
        result["after"] = np.bincount((after.day - known.days) // 7, minlength=len(mean)).tolist()
    return result


def _basket_notes(baskets: Baskets) -> dict[str, float]:
    return {
        "mean": round(baskets.mean, 4),
        "log_spread_within": round(baskets.within, 4),
        "log_spread_between": round(baskets.between, 4),
        "first_purchase_factor": round(baskets.first_factor, 4),
    }


def _uncertainty(choice: Choice, shocks: Shocks, fit: Fit, horizon: int) -> dict[str, Any]:
    ahead = shocks.ahead(fit, horizon)
    return {
        "level": 0.8,
        "past_forecast_error": {m: round(s, 4) for m, s in choice.error.spread.items()},
        "weekly_rate_shock": round(shocks.rate, 4),
        "weekly_basket_shock": round(shocks.basket, 4),
        "unseen_season_rate": round(ahead.rate, 4),
        "unseen_season_basket": round(ahead.basket, 4),
        "weakly_known": list(fit.weak),
        "drawn_to_none": {name: PRIOR[name] for name in fit.candidate.names if name in (GROWTH, *WAVES)},
        "return_rate_before": RETURNS_BEFORE,
        "came_over_before": CAME_OVER_BEFORE,
    }
