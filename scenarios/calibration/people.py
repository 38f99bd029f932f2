"""The fitted process as the mapping that a scenario takes under its key `population`."""

from __future__ import annotations

from typing import Any

import numpy as np

from scenarios.calibration.baskets import Baskets
from scenarios.calibration.candidates import Fit
from scenarios.calibration.lives import present_at_start
from scenarios.calibration.panel import Panel

_DAYS_A_MONTH = 30.4375
_CLOSED_SHARE = 0.5


def population_data(
    fit: Fit, baskets: Baskets, panel: Panel, source: dict[str, Any], period: dict[str, Any]
) -> dict[str, Any]:
    """Keys and values of `sim.population.Population`, rates a day, at the level of the last day of the
    fit.
    """
    model = fit.candidate.model
    theta = np.exp(fit.theta)
    within, between = baskets.lognormal_spreads()
    median = float(np.exp(baskets.level))
    data: dict[str, Any] = {
        "members": present_at_start(model, fit.theta, panel.members, float(fit.data.age.max())),
        "purchase_rate": {"mean": _round(theta[0]), "shape": _round(theta[1])},
        "regularity": model.order,
        "leaving": {"a": _round(theta[2]), "b": _round(theta[3])} if model.leaving else {"probability": 0.0},
        "basket": {
            "median": _round(median),
            "sigma": _round(within),
            "sigma_between": _round(between),
            "rate_correlation": _round(baskets.correlation, 4),
        },
        "season": [_round(f, 4) for f in fit.clock.season] if fit.clock.season else None,
        "growth": _round(float(np.clip(np.expm1(fit.clock.growth), -0.89, 9.9)), 4),
        "history_days": _history(fit, panel),
        "new_members_per_month": _joining(fit, panel),
        "first_purchase_on_joining": model.origin == "first purchase",
        "posterior": _posterior(fit, baskets, between),
        "source": (
            f"calibrated from {source['file']} (sha256 {str(source['sha256'])[:12]}), "
            f"{period['members']:,} members, {period['purchases']:,} purchases, "
            f"{period['start']} to {period['end']}"
        ),
    }
    return data


def _round(value: float, digits: int = 6) -> float:
    return float(f"{value:.{digits}g}")


def _history(fit: Fit, panel: Panel) -> list[float]:
    """Days since members' clocks started: uniform with the panel's longest and mean history."""
    if fit.candidate.model.origin == "panel start":
        return [float(panel.days), float(panel.days)]
    first = panel.day[np.flatnonzero(np.diff(panel.member, prepend=-1))]
    days = (panel.days - 1 - first).astype(float)
    longest = float(days.max())
    return [round(max(0.0, 2 * float(days.mean()) - longest)), longest]


def _joining(fit: Fit, panel: Panel) -> float:
    """New members a month over the last third of the fit, as a share of members; 0 in a panel of existing
    members.

    Where half of the members or more were first seen in the first tenth of the period, later ones are
    taken for members who buy rarely.
    """
    first = panel.day[np.flatnonzero(np.diff(panel.member, prepend=-1))]
    if fit.candidate.model.origin == "panel start" or np.mean(first < panel.days / 10) >= _CLOSED_SHARE:
        return 0.0
    late = first >= panel.days * 2 / 3
    months = (panel.days / 3) / _DAYS_A_MONTH
    return min(1.0, _round(float(late.sum()) / months / panel.members, 4))


def _posterior(fit: Fit, baskets: Baskets, between: float) -> dict[str, Any]:
    assert fit.covariance is not None
    names = [*fit.candidate.model.names, "basket.median", "basket.sigma"]
    errors = [baskets.errors[0], baskets.errors[1]]
    if between > 0:
        names.append("basket.sigma_between")
        errors.append(baskets.errors[2])
    size, own = len(names), len(fit.theta)
    covariance = np.zeros((size, size))
    covariance[:own, :own] = fit.covariance
    covariance[range(own, size), range(own, size)] = np.square(errors)
    return {"parameters": names, "covariance": [[_round(float(c), 10) for c in row] for row in covariance]}
