"""How good a forecast was: the middle, the band, and the skill against forecasts that need no model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta

from scenarios.quantiles import prediction_quantile
from sim.errors import InputError
from sim.typing import Floats


@dataclass(frozen=True)
class ForecastScore:
    """Scores of a band of simulated months against what happened, in the unit of the amounts unless stated."""

    mean_error: float
    """mean of median - actual; above 0: forecast too high"""
    mean_absolute_error: float
    """of the median"""
    relative_error: float
    """sum of absolute errors / sum of absolute actual amounts"""
    total_error: float
    """sum of the medians / sum of the actual amounts - 1"""
    coverage: float
    """share of months whose actual amount lies in the band, its ends counted"""
    coverage_interval: tuple[float, float]
    """95 % interval of the coverage probability were months independent (Clopper, Pearson 1934); they seldom quite are"""
    nominal: float
    """coverage that the band promises"""
    width: float
    """mean width of the band"""
    width_interval: tuple[float, float]
    """95 % interval of the width, as far as the number of draws leaves it open (percentile bootstrap of the draws)"""
    relative_width: float
    """width / mean absolute actual amount"""
    pinball: float
    """mean pinball loss over the band's two ends and the median"""
    crps: float
    """mean continuous ranked probability score of the draws"""
    skill: dict[str, float]
    """1 - CRPS / mean absolute error of each naive forecast, by its name; 1 perfect, 0 no better, NaN where that one is exact"""
    skill_of_middle: dict[str, float]
    """1 - mean absolute error of the median / that of each naive forecast: the point forecasts alone"""


def naive_forecasts(history: ArrayLike, months: int) -> dict[str, Floats]:
    """Forecasts that need no model, each (months,): the last value carried on, and, from 12 months of history on, the same month
    of the last year known.

    history: (past months,), the last one next to the first month forecast. Raises InputError where it is empty.
    """
    past = np.asarray(history, np.float64)
    if past.ndim != 1 or not past.size or not np.isfinite(past).all():
        raise InputError("history must be at least one finite month")
    found = {"last_value": np.full(months, past[-1])}
    if past.size >= 12:
        found["same_month_last_year"] = past[-12:][np.arange(months) % 12]
    return found


def score_forecast(
    draws: ArrayLike, actual: ArrayLike, history: ArrayLike | None = None, *, band: tuple[float, float] = (0.1, 0.9),
    others: dict[str, ArrayLike] | None = None, least: float = -np.inf,
) -> ForecastScore:  # fmt: skip
    """Score simulated months against what happened.

    draws: (replications, months), 2 replications or more; actual: (months,); history: (past months,) for the naive forecasts;
    band: quantiles of its ends; others: more point forecasts (months,) to measure skill against, such as chain ladder's; least:
    what no month can lie below.
    A point forecast's CRPS is its absolute error, so `skill` also credits a forecast for stating its spread; `skill_of_middle`
    does not. Ends and middle are prediction quantiles (scenarios.quantiles), as the forecast's own P10 and P90.
    Raises InputError for shapes that do not fit and numbers that are not finite.
    Source: Gneiting, Raftery (2007), sec. 4.2 (CRPS) and 6 (pinball); the fair ensemble form of Ferro (2014).
    """
    x, y = np.asarray(draws, np.float64), np.asarray(actual, np.float64)
    if x.ndim != 2 or len(x) < 2 or y.shape != x.shape[1:] or not y.size:
        raise InputError(f"draws have shape {x.shape} and actual months {y.shape}; allowed: (2 or more, months) and (months,)")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("draws and actual months must be finite numbers")
    low_at, high_at = band
    if not 0 < low_at < 0.5 < high_at < 1:
        raise InputError(f"the band runs from quantile {low_at:g} to {high_at:g}; its ends must lie on either side of the median")
    low, middle, high = (prediction_quantile(x, at, least) for at in (low_at, 0.5, high_at))
    inside = int(((low <= y) & (y <= high)).sum())
    size = float(np.abs(y).mean())
    error = np.abs(middle - y)
    score = float(crps(x, y).mean())
    points = {name: np.asarray(values, np.float64) for name, values in (others or {}).items()}
    if history is not None:
        points = {**naive_forecasts(history, len(y)), **points}
    wrong = next((name for name, values in points.items() if values.shape != y.shape), None)
    if wrong is not None:
        raise InputError(f"forecast {wrong!r} has shape {points[wrong].shape}; {y.shape} is allowed")
    naive = {name: float(np.abs(values - y).mean()) for name, values in points.items()}
    losses = [_pinball(y, q, at) for q, at in ((low, low_at), (middle, 0.5), (high, high_at))]
    return ForecastScore(
        mean_error=float((middle - y).mean()),
        mean_absolute_error=float(error.mean()),
        relative_error=_ratio(float(error.mean()), size),
        total_error=_ratio(float(middle.sum()), float(y.sum())) - 1,
        coverage=inside / len(y),
        coverage_interval=_clopper_pearson(inside, len(y)),
        nominal=high_at - low_at,
        width=float((high - low).mean()),
        width_interval=_width_interval(x, low_at, high_at, least),
        relative_width=_ratio(float((high - low).mean()), size),
        pinball=float(np.mean(losses)),
        crps=score,
        skill={name: 1 - _ratio(score, base) for name, base in naive.items()},
        skill_of_middle={name: 1 - _ratio(float(error.mean()), base) for name, base in naive.items()},
    )


def crps(draws: Floats, actual: Floats) -> Floats:
    """Continuous ranked probability score, (months,), of draws (replications, months), in their unit; smaller is better.

    Mean |x - y| less half the mean |x - x'| over pairs of different draws, whose expectation is the same for any number of draws.
    Source: Ferro (2014).
    """
    x = np.sort(draws, axis=0)
    n = len(x)
    ranks = 2.0 * np.arange(1, n + 1) - n - 1
    return np.asarray(np.abs(draws - actual).mean(axis=0) - ranks @ x / (n * (n - 1)))


def _pinball(actual: Floats, quantile: Floats, at: float) -> float:
    gap = actual - quantile
    return float(np.maximum(at * gap, (at - 1) * gap).mean())


def _clopper_pearson(inside: int, of: int) -> tuple[float, float]:
    low = float(beta.ppf(0.025, inside, of - inside + 1)) if inside else 0.0
    high = float(beta.ppf(0.975, inside + 1, of - inside)) if inside < of else 1.0
    return low, high


def _width_interval(draws: Floats, low: float, high: float, least: float, times: int = 200) -> tuple[float, float]:
    rng = np.random.default_rng(len(draws))
    again = draws[rng.integers(0, len(draws), (len(draws), times))]
    ends = [prediction_quantile(again, at, least) for at in (low, high)]
    found = np.quantile((ends[1] - ends[0]).mean(axis=1), [0.025, 0.975])
    return float(found[0]), float(found[1])


def _ratio(top: float, below: float) -> float:
    return top / below if below else float("nan")
