"""One candidate model fitted to a panel: purchases, leaving and joining, season and growth, all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from scipy.optimize import minimize

from scenarios.calibration.bgnbd import JOINED, Histories, Model, Origin, histories, log_likelihood
from scenarios.calibration.calendar import Clock
from scenarios.calibration.lives import states_given
from scenarios.calibration.panel import Panel
from scenarios.calibration.records import Records, records
from scenarios.calibration.returns import RETURN_RATE
from scenarios.calibration.season import WAVES, smooth_year, week_factors
from scenarios.calibration.standing import CAME_OVER
from sim.population import WEEKS, week_of_year
from sim.typing import Floats

SEASON_DAYS = 364
GROWTH_DAYS = SEASON_DAYS + 182
"""from so many days on enough weeks are seen a second time for growth to be told from a season"""
MAX_ORDER = 8
GROWTH = "growth"
PRIOR: dict[str, float] = {
    GROWTH: 0.1,
    **dict.fromkeys(WAVES, 0.2),
    **dict(zip(JOINED, (3.0, 5.0), strict=True)),
    RETURN_RATE: 2.0,
    CAME_OVER: 1.5,
}
"""standard deviations, before the data, of the log growth a year, of the four waves of a season, and, next to nothing said, of
the log odds and the fall of joining, of the log return rate and of the log days over which members there before had come; the
mean is 0, but for RETURNS_BEFORE and CAME_OVER_BEFORE"""
RETURNS_BEFORE = 5e-4
"""return rate a day from which the data draw it away: of those who lapsed 17 % are back after a year"""
CAME_OVER_BEFORE = 730.0
"""days over which members who were there before the data had come, from which the data draw them away"""
_CENTRE = {RETURN_RATE: np.log(RETURNS_BEFORE), CAME_OVER: np.log(CAME_OVER_BEFORE)}
_BOUNDS = {
    "purchase_rate.mean": (-14.0, 3.0),
    "purchase_rate.shape": (-5.0, 5.0),
    "leaving.a": (-7.0, 9.0),
    "leaving.b": (-7.0, 9.0),
    RETURN_RATE: (-14.0, -2.0),
    CAME_OVER: (0.0, 10.0),
    **dict(zip(JOINED, ((-7.0, 7.0), (-5.0, 50.0)), strict=True)),
    **dict.fromkeys((GROWTH, *WAVES), (-1.5, 1.5)),
}
_ORIGIN_WORDS: dict[Origin, str] = {
    "first purchase": "members counted from their first purchase",
    "panel start": "members counted from the start of the data",
    "either": "members counted from the start of the data or from joining",
}
_LOOSEST = 3.0
_STEP = 1e-6


@dataclass(frozen=True)
class Candidate:
    """A model, with or without growth and season."""

    model: Model
    growth: bool = False
    season: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters, in the order of the vectors: those of the model (logs), then those of the clock."""
        return (*self.model.names, *(GROWTH,) * self.growth, *WAVES * self.season)

    @property
    def fits_clock(self) -> bool:
        """Whether growth or season are fitted with the rest."""
        return self.growth or self.season

    @property
    def size(self) -> int:
        """How much the candidate assumes: parameters, with the order and the season counted as one each."""
        return len(self.model.names) + (self.model.order > 1) + self.growth + self.season

    @property
    def label(self) -> str:
        """The candidate in words."""
        words = [
            _ORIGIN_WORDS[self.model.origin],
            "leaving and returning" if self.model.returning else "leaving" if self.model.leaving else "no leaving",
            f"regular gaps of order {self.model.order}" if self.model.order > 1 else "random gaps",
        ]
        return ", ".join(words + ["growth"] * self.growth + ["season"] * self.season)

    def clock(self, base: Clock, theta: Floats) -> Clock:
        """`base` with the growth and the season of `theta` on top."""
        own = dict(zip(self.names, theta, strict=True))
        season = base.season
        if self.season:
            year = smooth_year(np.array([own[name] for name in WAVES])) * (1.0 if season is None else np.asarray(season))
            season = tuple(float(f) for f in year / year.mean())
        return replace(base, season=season, growth=base.growth + float(own.get(GROWTH, 0.0)))


@dataclass(frozen=True)
class Fit:
    """A candidate at its most likely: `theta` in the order of `candidate.names`, rates per operational day.

    `base` is what of the clock was not fitted with the rest: season and growth that were held, and factors of single weeks.
    """

    candidate: Candidate
    seen: Records
    base: Clock
    theta: Floats
    covariance: Floats | None = None
    curvature: Floats | None = None
    """inverse of the second derivatives of the loss a member, as the search found it"""
    weak: tuple[str, ...] = ()
    """parameters of which the panel says so little that their spread was held at a factor e^3"""

    @cached_property
    def clock(self) -> Clock:
        """Season and growth as fitted."""
        return self.candidate.clock(self.base, self.theta)

    @cached_property
    def data(self) -> Histories:
        """The histories on the operational time of the clock."""
        return histories(self.seen, self.candidate.model, self.clock)

    @property
    def log_likelihood(self) -> float:
        """Of all members, without the prior."""
        return log_likelihood(self.candidate.model, self.theta, self.data)

    @property
    def growth_error(self) -> float:
        """Standard error of the log growth a year; 0 where none was fitted."""
        if not self.candidate.growth or self.covariance is None:
            return 0.0
        at = self.candidate.names.index(GROWTH)
        return float(np.sqrt(self.covariance[at, at]))


def fit_candidate(
    panel: Panel, candidate: Candidate, near: Fit | None = None, held: Clock | None = None
) -> Fit:
    """Fit `candidate` by maximum likelihood (with the priors of PRIOR); `near` is a fit where to begin, of this candidate or one
    like it, `held` a season and growth known already.

    Season and growth are told from joining and leaving by members' own lives: a member counts from the day they are there to
    the day they leave, at their own rate. With returns the search begins where it ends without them.
    """
    seen = records(panel)
    if candidate.model.returning and (near is None or candidate.season):
        plain = fit_candidate(panel, replace(candidate, model=replace(candidate.model, returning=False)), held=held)
        return _most_likely(seen, candidate, plain.base, plain)
    base = replace(held or Clock(panel.start, 0), last=panel.days - 1)
    if near is None and candidate.fits_clock:
        near = _most_likely(seen, Candidate(candidate.model), base, None)
    fit = _most_likely(seen, candidate, base, near)
    if candidate.season:
        base = replace(base, season=_single_weeks(panel, fit))
        fit = _most_likely(seen, candidate, base, fit)
    return fit


def with_posterior(fit: Fit) -> Fit:
    """`fit` with the covariance of its parameters: the inverse of the observed information.

    Directions in which the likelihood is flat are held at a standard deviation of 3 (a factor of 20), and
    named.
    """
    information = _hessian(_loss(fit.seen, fit.candidate, fit.base), fit.theta)
    values, vectors = np.linalg.eigh(information)
    least = 1 / _LOOSEST**2
    weak = {fit.candidate.names[int(np.argmax(np.abs(v)))] for x, v in zip(values, vectors.T, strict=True) if x < least}
    covariance = (vectors / np.maximum(values, least)) @ vectors.T
    return replace(fit, covariance=(covariance + covariance.T) / 2, weak=tuple(sorted(weak)))


def at_the_top(fit: Fit) -> Fit:
    """`fit` a Newton step further, if that is likelier: the search has one-sided slopes, with which it stops a little beside the
    top, as the fourth digit of a published answer shows."""
    loss, step = _loss(fit.seen, fit.candidate, fit.base), 1e-4
    slope = np.array([loss(fit.theta + u) - loss(fit.theta - u) for u in np.eye(len(fit.theta)) * step]) / (2 * step)
    theta = fit.theta - np.linalg.lstsq(_hessian(loss, fit.theta), slope)[0]
    near = bool(np.abs(theta - fit.theta).max() < 0.05)
    return replace(fit, theta=theta) if near and loss(theta) < loss(fit.theta) else fit


def best_order(panel: Panel, model: Model, held: Clock | None = None) -> int:
    """Order of the gaps that is likeliest, climbing from 1."""
    best, order = -np.inf, 1
    fit: Fit | None = None
    for k in range(1, MAX_ORDER + 1):
        fit = fit_candidate(panel, Candidate(replace(model, order=k)), fit, held)
        if fit.log_likelihood <= best:
            break
        best, order = fit.log_likelihood, k
    return order


def _loss(seen: Records, candidate: Candidate, base: Clock) -> Callable[[Floats], float]:
    """Minus the log of likelihood times prior, as a function of the parameters."""
    model, own = candidate.model, len(candidate.model.names)
    spread = np.array([PRIOR.get(name, np.inf) for name in candidate.names])
    centre = np.array([_CENTRE.get(name, 0.0) for name in candidate.names])

    @lru_cache(maxsize=16)
    def data(clock: tuple[float, ...]) -> Histories:
        return histories(seen, model, candidate.clock(base, np.append(np.zeros(own), clock)))

    def loss(theta: Floats) -> float:
        prior = float((((theta - centre) / spread) ** 2).sum()) / 2
        return prior - log_likelihood(model, theta, data(tuple(theta[own:])))

    return loss


def _most_likely(seen: Records, candidate: Candidate, base: Clock, near: Fit | None) -> Fit:
    """The search begins where `near` ended, in the parameters that it has, and knows how they are bound up with each other."""
    loss = _loss(seen, candidate, base)
    members = float(seen.count.sum())
    begin, curvature = {**_CENTRE, "leaving.b": np.log(10.0)}, np.eye(len(candidate.names))
    if near is None:
        data = histories(seen, candidate.model, base)
        begin["purchase_rate.mean"] = np.log(max(float(data.count @ (data.gaps + 1)) / float(data.count @ data.age), 1e-5))
    else:
        begin.update(zip(near.candidate.names, near.theta, strict=True))
        if near.curvature is not None:
            shared = [name for name in candidate.names if name in near.candidate.names]
            here, there = ([names.index(name) for name in shared] for names in (candidate.names, near.candidate.names))
            curvature[np.ix_(here, here)] = near.curvature[np.ix_(there, there)]
    start = np.array([begin.get(name, 0.0) for name in candidate.names])
    low, high = np.array([_BOUNDS[name] for name in candidate.names]).T

    def inside(theta: Floats) -> float:
        kept = np.clip(theta, low, high)
        return loss(kept) / members + float(((theta - kept) ** 2).sum())

    def slope(theta: Floats) -> Floats:
        here, unit = inside(theta), np.eye(len(theta)) * _STEP
        return np.array([inside(theta + u) - here for u in unit]) / _STEP

    result = minimize(inside, start, jac=slope, method="BFGS", options={"gtol": 5e-6, "maxiter": 200, "hess_inv0": curvature})
    found = np.asarray(result.hess_inv, dtype=float)
    return Fit(candidate, seen, base, np.clip(np.asarray(result.x, dtype=float), low, high), curvature=(found + found.T) / 2)


def _hessian(loss: Callable[[Floats], float], theta: Floats) -> Floats:
    size, step = len(theta), 1e-3
    unit = np.eye(size) * step
    result = np.empty((size, size))
    for i in range(size):
        for j in range(i + 1):
            cross = (
                loss(theta + unit[i] + unit[j])
                - loss(theta + unit[i] - unit[j])
                - loss(theta + unit[j] - unit[i])
                + loss(theta - unit[i] - unit[j])
            ) / (4 * step**2)
            result[i, j] = result[j, i] = cross
    return result


def _single_weeks(panel: Panel, fit: Fit, draws: int = 20) -> tuple[float, ...]:
    """53 factors: purchases by week of the year beside what each member's own rate and the smooth year let expect.

    A member's rate and end are drawn given their whole history, so that who happens to be in the panel
    when, and how the panel began, is not taken for a season.
    """
    rng = np.random.default_rng(53)
    model = fit.candidate.model
    firsts = panel.firsts()
    lasts = np.append(firsts[1:], len(panel.day)) - 1
    rates, opened = np.zeros(panel.days + 1), np.zeros(panel.days)
    for _ in range(draws):
        state = states_given(model, fit.theta, fit.data, rng)
        begin = np.where(state.joined, panel.day[firsts] + 1, 0)
        opened += np.bincount(panel.day[firsts[state.joined]], minlength=panel.days) / draws
        end = np.where(state.alive, panel.days, panel.day[lasts] + 1)
        rates += np.bincount(begin, weights=state.rate, minlength=panel.days + 1)
        rates -= np.bincount(end, weights=state.rate, minlength=panel.days + 1)
    daily = np.cumsum(rates[:-1]) / draws * fit.clock.weights(0, panel.days - 1)
    weeks = week_of_year(panel.start, np.arange(panel.days))
    expected = np.bincount(weeks, weights=np.maximum(daily, 0.0), minlength=WEEKS).astype(np.float64)
    actual = np.bincount(weeks, weights=np.bincount(panel.day, minlength=panel.days) - opened, minlength=WEEKS)
    return week_factors(actual.astype(np.float64), expected)
