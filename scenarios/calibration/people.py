"""The fitted process as the mapping that a scenario takes under its key `population`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from scenarios.calibration.baskets import Baskets
from scenarios.calibration.before import Before
from scenarios.calibration.bgnbd import JOINED, Model, joining_before, rates_by_day
from scenarios.calibration.candidates import Fit
from scenarios.calibration.forecast import LEVEL, ModelError
from scenarios.calibration.lives import joiners, present_at_start
from scenarios.calibration.panel import Panel
from scenarios.calibration.returns import RETURN_RATE
from scenarios.calibration.shocks import Shocks, level
from scenarios.calibration.standing import CAME_OVER
from sim.typing import Floats

_DAYS_A_MONTH = 30.4375
_CLOSED_SHARE = 0.5


def population_data(
    fit: Fit,
    baskets: Baskets,
    panel: Panel,
    befalls: dict[str, dict[str, float]],
    source: dict[str, Any],
    period: dict[str, Any],
) -> dict[str, Any]:
    """Keys and values of `sim.population.Population`, rates a day, at the level of the last day of the
    fit. befalls: of `common_shocks`.
    """
    model = fit.candidate.model
    theta = np.exp(fit.theta)
    mean, shape = rates_by_day(model, fit.theta)
    within, between = baskets.lognormal_spreads()
    median = float(np.exp(baskets.level))
    joined = joiners(model, fit.theta, fit.data)
    members = int(joined.sum()) + present_at_start(model, fit.theta, fit.data)
    ages = np.where(joined, panel.days - 1 - panel.day[panel.firsts()], panel.days).astype(float)
    history = _history(ages, members, panel)
    standing = None
    if model.standing:
        ages = ages[joined] if joined.any() else ages
        history = _history(ages, len(ages), panel)
        came_over = _round(theta[model.names.index(CAME_OVER)])
        standing = {"share": _round(1 - int(joined.sum()) / members, 4), "since_days": float(panel.days), "came_over": came_over}
    data: dict[str, Any] = {
        "members": members,
        "purchase_rate": {"mean": _round(mean), "shape": _round(shape)},
        "regularity": model.order,
        "leaving": _leaving(model, theta),
        "basket": {
            "median": _round(median),
            "sigma": _round(within),
            "sigma_between": _round(between),
            "rate_correlation": _round(baskets.correlation, 4),
        },
        "season": [_round(f, 4) for f in fit.clock.season] if fit.clock.season else None,
        "growth": _round(float(np.clip(np.expm1(fit.clock.growth), -0.89, 9.9)), 4),
        "history_days": history,
        "standing": standing,
        "new_members_per_month": _joining(fit, panel, joined, members, source["members_before"]),
        "first_purchase_on_joining": model.origin != "panel start",
        "posterior": _posterior(fit, baskets, between),
        "shocks": befalls,
        "source": (
            f"calibrated from {source['file']} (sha256 {str(source['sha256'])[:12]}), "
            f"{period['members']:,} members, {period['purchases']:,} purchases, "
            f"{period['start']} to {period['end']}{_told(source['members_before'])}"
        ),
    }
    return data


def _told(before: Before) -> str:
    return "" if before == "unknown" else f"; members before the rows, as told: {before}"


def common_shocks(fit: Fit, shocks: Shocks, error: ModelError) -> dict[str, dict[str, float]]:
    """Spreads of `sim.population.Shocks`: what an interval of the forecast holds beside luck and parameters. Those that
    are 0 are left out.

    What the model's own past forecasts missed is a level; of value, what of it purchases have not. Known from few
    forecasts, it follows Student's distribution, and is put as the normal one with the same interval.
    """
    purchases, value = error.spread["purchases"], error.spread["value"]
    tail, quarters = (1 + LEVEL) / 2, shocks.of_quarters(fit)
    few = float(stats.t.ppf(tail, max(error.freedom, 1)) / stats.norm.ppf(tail))
    found = {
        "purchases": (float(np.hypot(level(fit), few * purchases)), quarters.rate, shocks.rate),
        "baskets": (few * max(0.0, value**2 - purchases**2) ** 0.5, quarters.basket, shocks.basket),
    }
    names = ("level", "quarter", "week")
    rounded = {
        series: {name: min(1.0, _round(s, 4)) for name, s in zip(names, spreads, strict=True) if s >= 5e-5}
        for series, spreads in found.items()
    }
    return {series: spreads for series, spreads in rounded.items() if spreads}


def _leaving(model: Model, theta: Floats) -> dict[str, float]:
    if not model.leaving:
        return {"probability": 0.0}
    back = {"return_rate": _round(theta[model.names.index(RETURN_RATE)])} if model.returning else {}
    return {"a": _round(theta[2]), "b": _round(theta[3]), **back}


def _round(value: float, digits: int = 6) -> float:
    return float(f"{value:.{digits}g}")


def _history(ages: Floats, members: int, panel: Panel) -> list[float]:
    """Days since members' clocks started: uniform with the longest and mean of `ages`, which those who were there
    but not seen have from the first day on.
    """
    longest = float(ages.max())
    mean = float(ages.sum() + (members - len(ages)) * panel.days) / members
    return [round(max(0.0, 2 * mean - longest)), longest]


def _joining(fit: Fit, panel: Panel, joined: NDArray[np.bool_], members: int, before: Before) -> float:
    """New members a month over the last third of the fit, as a share of members: by the pace of joining where the model has
    one, else those first seen then; 0 in a panel of existing members.

    Where the clock starts with the first purchase and half of the members or more were first seen in the first tenth
    of the period, later ones are taken for members who buy rarely, unless nobody was there before.
    """
    model, months = fit.candidate.model, panel.days / 3 / _DAYS_A_MONTH
    if model.origin == "either":
        fall = fit.theta[model.names.index(JOINED[1])]
        late = float(joined.sum()) * (1 - joining_before(2 / 3, fall) / joining_before(1.0, fall))
        return min(1.0, _round(late / months / members, 4))
    first = panel.day[panel.firsts()]
    rare = before != "none" and np.mean(first < panel.days / 10) >= _CLOSED_SHARE
    if model.origin == "panel start" or rare:
        return 0.0
    return min(1.0, _round(float((first >= panel.days * 2 / 3).sum()) / months / panel.members, 4))


def _posterior(fit: Fit, baskets: Baskets, between: float) -> dict[str, Any]:
    assert fit.covariance is not None
    fitted = fit.candidate.model.names
    carried = [name for name in fitted if name not in JOINED]
    at = [fitted.index(name) for name in carried]
    names = [*carried, "basket.median", "basket.sigma"]
    errors = [baskets.errors[0], baskets.errors[1]]
    if between > 0:
        names.append("basket.sigma_between")
        errors.append(baskets.errors[2])
    size, own = len(names), len(carried)
    covariance = np.zeros((size, size))
    turn = np.eye(own)
    turn[:2, :2] = _slopes(fit)
    covariance[:own, :own] = turn @ fit.covariance[np.ix_(at, at)] @ turn.T
    covariance[range(own, size), range(own, size)] = np.square(errors)
    return {"parameters": names, "covariance": [[_round(float(c), 10) for c in row] for row in covariance]}


def _slopes(fit: Fit, step: float = 1e-4) -> Floats:
    """How the logs of mean and shape of purchases a day move with the two that are fitted, one column each."""
    moved = [fit.theta + side * step * np.eye(len(fit.theta))[i] for i in (0, 1) for side in (1, -1)]
    logs = np.log([rates_by_day(fit.candidate.model, theta) for theta in moved])
    slopes: Floats = ((logs[::2] - logs[1::2]) / (2 * step)).T
    return slopes
