"""Forecast of a held-out period for the members seen before it, with an interval for luck, parameters and
model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from scenarios.calibration.baskets import Baskets
from scenarios.calibration.candidates import Fit
from scenarios.calibration.expectations import elapsed_after, rate_score
from scenarios.calibration.lives import purchases, states_given
from scenarios.calibration.panel import Panel
from scenarios.calibration.shocks import Shocks
from sim.typing import Floats

MEASURES = ("purchases", "active_members", "value")
LEVEL = 0.8


@dataclass(frozen=True)
class Draws:
    """Possible futures: one row a draw, columns as MEASURES in `totals`, weeks of the future in `weekly`
    purchases.
    """

    totals: Floats
    weekly: Floats


@dataclass(frozen=True)
class ModelError:
    """What past forecasts missed by beyond luck and parameters: a spread of the log of the total, by
    measure.
    """

    spread: dict[str, float]
    freedom: int


def actual(panel: Panel) -> dict[str, float]:
    """The measures of `panel` as they were."""
    return {
        "purchases": float(len(panel.day)),
        "active_members": float(len(np.unique(panel.member))),
        "value": float(panel.value.sum()),
    }


def draw_futures(
    fit: Fit, baskets: Baskets, shocks: Shocks, days: int, draws: int, rng: np.random.Generator
) -> Draws:
    """`draws` futures of `days` days after `fit`, each with its own parameters (from the posterior),
    shocks and luck.

    Each member's rate, leaving and basket are drawn given their own history, then their purchases one
    after another.
    """
    model, members = fit.candidate.model, len(fit.data.row)
    totals = np.zeros((draws, len(MEASURES)))
    weekly = np.zeros((draws, -(-days // 7)))
    root = _root(fit.covariance) if fit.covariance is not None else None
    ahead = shocks.ahead(fit, days)
    busy = _shocks(ahead.rate, draws, rng)
    dear = _shocks(float(np.hypot(baskets.scale_error, ahead.basket)), draws, rng)
    for d in range(draws):
        one = fit if root is None else replace(fit, theta=fit.theta + root @ rng.standard_normal(len(fit.theta)))
        ends = elapsed_after(one.clock, days) * busy[d]
        state = states_given(model, one.theta, one.data if fit.candidate.fits_clock else fit.data, rng)
        mean, spread = baskets.effects(rate_score(one, state.rate))
        price = dear[d] * baskets.scale * np.exp(mean + spread * rng.standard_normal(members))
        first = True
        for who, time in purchases(model, state, 0.0, float(ends[-1]), rng):
            totals[d, 0] += len(who)
            totals[d, 1] += len(who) if first else 0
            totals[d, 2] += float(price[who] @ baskets.ratios[rng.integers(0, len(baskets.ratios), len(who))])
            weekly[d] += np.bincount(np.searchsorted(ends, time, side="left") // 7, minlength=weekly.shape[1])
            first = False
    return Draws(totals, weekly)


def summarise(futures: Draws, error: ModelError, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """Forecast (mean) and 80 % interval of each measure, the model's own error included."""
    result = {}
    for column, measure in enumerate(MEASURES):
        total = futures.totals[:, column]
        low, high = np.quantile(with_error(total, error.spread[measure], error.freedom, rng), _tails())
        result[measure] = {"forecast": float(total.mean()), "low": float(low), "high": float(high)}
    return result


def with_error(
    total: Floats, spread: float, freedom: int, rng: np.random.Generator, copies: int = 50
) -> Floats:
    """`total` (one a draw), each `copies` times with a common shock of `spread` in logs, t with `freedom`
    degrees.

    The spread is itself known from a few past forecasts only, hence Student's distribution.
    """
    if spread <= 0:
        return total
    shock = rng.standard_t(max(freedom, 1), (copies, len(total))).clip(-6, 6) * spread
    return (total * np.exp(shock)).ravel()


def weekly_band(
    futures: Draws, spread: float, freedom: int, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Mean, low and high of purchases in each week; `spread` is the spread of a single week's log beyond
    luck.
    """
    mean = futures.weekly.mean(axis=0)
    band = [np.quantile(with_error(week, spread, freedom, rng), _tails()) for week in futures.weekly.T]
    low, high = np.array(band).T
    return mean, low, high


def _shocks(spread: float, draws: int, rng: np.random.Generator) -> Floats:
    """Common factors of mean 1, one a draw: equally likely strata in random order, so that few draws give
    their spread.
    """
    score = ndtri((rng.permutation(draws) + 0.5) / draws)
    factor = np.exp(spread * score)
    result: Floats = factor / factor.mean()
    return result


def _tails() -> list[float]:
    return [(1 - LEVEL) / 2, (1 + LEVEL) / 2]


def _root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = vectors * np.sqrt(np.clip(values, 0, None))
    return root
