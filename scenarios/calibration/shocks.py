"""What happens to all members at once: weeks that lie off the model, and how far weeks not seen yet may
lie off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.calibration.candidates import GROWTH, GROWTH_DAYS, PRIOR, SEASON_DAYS, Fit
from scenarios.calibration.expectations import fitted_days, modelled
from scenarios.calibration.panel import Panel
from sim.typing import Floats

QUARTER = 91
_LEAST_EXPECTED = 10.0
_LEAST_WEEKS = 6
_MOST = 0.5


@dataclass(frozen=True)
class Weeks:
    """Weeks of the fit, whole ones only: actual and fitted purchases (all, and those that the model
    explains).
    """

    actual: Floats
    fitted: Floats
    modelled: Floats
    expected: Floats
    value: Floats


@dataclass(frozen=True)
class Shocks:
    """Spread of logs, beyond luck, of a week's purchases (`rate`) and of its mean value (`basket`)."""

    rate: float
    basket: float

    def of_quarters(self, fit: Fit) -> Shocks:
        """Spread of single quarters, apart from one another, that comes from not knowing their season.

        A season moves slowly: a quarter whose season is not known is taken to lie as far off the model as
        single weeks of the fit lay. A fit of a year or more adds nothing: what it leaves open is in the
        covariance of its parameters, or in `level`.
        """
        return Shocks(0.0, 0.0) if fit.clock.last + 1 >= SEASON_DAYS else self

    def ahead(self, fit: Fit, days: int) -> Shocks:
        """Spread of the mean of the next `days` days that comes from not knowing their season."""
        quarters, many = self.of_quarters(fit), np.sqrt(max(1.0, days / QUARTER))
        return Shocks(float(np.hypot(quarters.rate / many, level(fit))), float(quarters.basket / many))


def level(fit: Fit) -> float:
    """Spread of the level of all that is to come. A season that could not be told from growth repeats a level of a
    year before: a year of growth, as unlikely as its prior has it, may lie between.
    """
    known = fit.clock.season is None or fit.candidate.growth or fit.clock.last + 1 >= GROWTH_DAYS
    return 0.0 if known else PRIOR[GROWTH]


def weeks_of(fit: Fit, panel: Panel, rng: np.random.Generator, copies: int = 20) -> Weeks:
    """Purchases of each whole week of `panel`, beside what `fit` expects of members not yet known by their
    history.
    """
    whole = panel.days // 7
    explained = modelled(panel, fit)
    week = panel.day // 7
    inside = week < whole

    def count(which: NDArray[np.bool_], weights: Floats | None = None) -> Floats:
        chosen = None if weights is None else weights[which & inside]
        return np.bincount(week[which & inside], weights=chosen, minlength=whole).astype(float)

    expected = np.zeros(whole)
    for _, day in fitted_days(fit, panel, rng, copies):
        late = day // 7
        expected += np.bincount(late[late < whole], minlength=whole) / copies
    every = np.ones(len(week), dtype=bool)
    actual, known = count(every), count(explained)
    return Weeks(actual, expected + actual - known, known, expected, count(every, panel.value))


def shocks_of(weeks: Weeks, panel: Panel) -> Shocks:
    """Excess spread of weekly purchases over Poisson, and of weekly mean value over sampling, around the fit.

    Only the latter half of the fit is used, when the panel has settled.
    """
    use = (weeks.expected >= _LEAST_EXPECTED) & (np.arange(len(weeks.expected)) >= len(weeks.expected) // 2)
    if use.sum() < _LEAST_WEEKS:
        return Shocks(0.0, 0.0)
    ratio = weeks.modelled[use] / weeks.expected[use]
    level = weeks.modelled[use].sum() / weeks.expected[use].sum()
    excess = float(((ratio / level - 1) ** 2).mean() - (1 / (weeks.expected[use] * level)).mean())
    mean = weeks.value[use] / np.maximum(weeks.actual[use], 1)
    overall = weeks.value[use].sum() / weeks.actual[use].sum()
    noise = float(panel.value.var()) / overall**2 / np.maximum(weeks.actual[use], 1)
    basket = float(((mean / overall - 1) ** 2).mean() - noise.mean())
    return Shocks(min(float(np.sqrt(max(excess, 0))), _MOST), min(float(np.sqrt(max(basket, 0))), _MOST))
