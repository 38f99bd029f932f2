"""One candidate model fitted to a panel, and what it then expects of the days after."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammainc, gammaincc, ndtri

from scenarios.calibration.baskets import Baskets, fit_baskets
from scenarios.calibration.bgnbd import Histories, Model, histories, log_likelihood
from scenarios.calibration.calendar import WEEKS, Clock, week_of_year
from scenarios.calibration.lives import present_at_start, purchases, states_anew, states_given
from scenarios.calibration.panel import Panel
from scenarios.calibration.season import season_factors

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SEASON_DAYS = 364
MAX_ORDER = 8
_BOUNDS = {
    "purchase_rate.mean": (-14.0, 3.0),
    "purchase_rate.shape": (-5.0, 5.0),
    "leaving.a": (-7.0, 9.0),
    "leaving.b": (-7.0, 9.0),
}
_LOOSEST = 3.0
_STEP = 1e-6
_MOST_GROWTH = 1.5


@dataclass(frozen=True)
class Candidate:
    """A model, with or without growth and season."""

    model: Model
    growth: bool = False
    season: bool = False

    @property
    def size(self) -> int:
        """How much the candidate assumes: parameters, with the order and the season counted as one each."""
        return len(self.model.names) + (self.model.order > 1) + self.growth + self.season

    @property
    def label(self) -> str:
        """The candidate in words."""
        words = [
            f"members counted from their {self.model.origin}"
            if self.model.origin == "first purchase"
            else "members counted from the start of the data",
            "leaving" if self.model.leaving else "no leaving",
            f"regular gaps of order {self.model.order}" if self.model.order > 1 else "random gaps",
        ]
        return ", ".join(words + ["growth"] * self.growth + ["season"] * self.season)


@dataclass(frozen=True)
class Fit:
    """A candidate at its maximum of likelihood: `theta` are logs of `candidate.model.names`, per
    operational day.
    """

    candidate: Candidate
    clock: Clock
    theta: Floats
    log_likelihood: float
    data: Histories
    covariance: Floats | None = None
    growth_error: float = 0.0
    weak: tuple[str, ...] = ()
    """parameters of which the panel says so little that their spread was held at a factor e^3"""


def fit_candidate(panel: Panel, candidate: Candidate, near: Floats | None = None) -> Fit:
    """Fit `candidate` by maximum likelihood; `near` (logs) is where to begin."""
    clock = Clock(panel.start, panel.days - 1)
    if candidate.season:
        plain = _fit(panel, candidate, clock, near)
        for _ in range(2):
            clock = replace(plain.clock, season=_season(panel, plain))
            plain = _fit(panel, candidate, clock, plain.theta)
        return plain
    return _fit(panel, candidate, clock, near)


def with_posterior(fit: Fit, panel: Panel) -> Fit:
    """`fit` with the covariance of its logs: the inverse of the observed information.

    Directions in which the likelihood is flat are held at a standard deviation of 3 (a factor of 20), and
    named.
    """
    information = _hessian(fit)
    values, vectors = np.linalg.eigh(information)
    least = 1 / _LOOSEST**2
    weak: list[str] = []
    for value, vector in zip(values, vectors.T, strict=True):
        if value < least:
            weak.append(fit.candidate.model.names[int(np.argmax(np.abs(vector)))])
    covariance = (vectors / np.maximum(values, least)) @ vectors.T
    error = 0.0
    if fit.candidate.growth:
        step = 0.05
        curve = [_at_growth(panel, fit, fit.clock.growth + s).log_likelihood for s in (-step, 0.0, step)]
        bend = (2 * curve[1] - curve[0] - curve[2]) / step**2
        error = 1 / np.sqrt(bend) if bend > 1 else 1.0
    return replace(
        fit,
        covariance=(covariance + covariance.T) / 2,
        growth_error=float(error),
        weak=tuple(sorted(set(weak))),
    )


def best_order(panel: Panel, model: Model) -> int:
    """Order of the gaps that is likeliest, climbing from 1."""
    best, order = -np.inf, 1
    near: Floats | None = None
    for k in range(1, MAX_ORDER + 1):
        fit = fit_candidate(panel, Candidate(replace(model, order=k)), near)
        if fit.log_likelihood <= best:
            break
        best, order, near = fit.log_likelihood, k, fit.theta
    return order


def elapsed_after(clock: Clock, days: int) -> Floats:
    """Operational days from the end of the fit to the end of each of the `days` days after it."""
    return np.cumsum(clock.weights(clock.last + 1, clock.last + days))


def rate_score(fit: Fit, rate: Floats) -> Floats:
    """Normal score of a purchase rate among the rates of all members of the fitted model."""
    shape = float(np.exp(fit.theta[1]))
    share = gammainc(shape, rate * shape / np.exp(fit.theta[0]))
    score: Floats = ndtri(np.clip(share, 1e-6, 1 - 1e-6))
    return score


def expectation(
    fit: Fit, panel: Panel, days: int, rng: np.random.Generator, draws: int = 20
) -> tuple[Floats, ...]:
    """Expected purchases, probability of any purchase and expected value over the `days` days after the
    fit, by member.

    Averages over draws of each member's state; given the state, purchases are (1 - exp(-rate p t)) / p for
    leaving probability p (Fader, Hardie, Lee 2005, eq. 9 before mixing).
    """
    k = fit.candidate.model.order
    t = float(elapsed_after(fit.clock, days)[-1])
    states = [states_given(fit.candidate.model, fit.theta, fit.data, rng) for _ in range(draws)]
    scores = [rate_score(fit, s.rate) for s in states]
    baskets = fit_baskets(panel, modelled(panel, fit.candidate.model), np.mean(scores, axis=0))
    bought, active, value = np.zeros((3, len(fit.data.row)))
    for state, score in zip(states, scores, strict=True):
        p = np.maximum(state.leaving, 1e-9)
        lead = (state.phase - (k - 1) / 2) / k if k > 1 else 0.0
        expected = state.alive * np.maximum(
            -np.expm1(-p * state.rate * t) / p + lead * -np.expm1(-state.rate * t), 0.0
        )
        bought += expected
        active += state.alive * (1 - gammaincc((k - state.phase).astype(float), k * state.rate * t))
        value += expected * baskets.expected(score)
    return bought / draws, active / draws, value / draws


def fitted_days(fit: Fit, panel: Panel, rng: np.random.Generator, copies: int) -> list[tuple[Ints, Ints]]:
    """Panels drawn from the fit, each as (member, day) of its purchases, without those that start a
    member's clock.

    `copies` panels of as many members as were seen (with the same starts), or, where the clock starts with
    the data, of as many as must have been present for as many to be seen.
    """
    model, elapsed = fit.candidate.model, fit.clock.elapsed(panel.days - 1)
    age = float(elapsed[-1])
    result = []
    born = panel.day[np.flatnonzero(np.diff(panel.member, prepend=-1))]
    for _ in range(copies):
        members = present_at_start(model, fit.theta, panel.members, age)
        start = elapsed[born] if model.origin == "first purchase" else np.zeros(members)
        whose, when = [np.empty(0, dtype=np.int64)], [np.empty(0)]
        for who, time in purchases(model, states_anew(model, fit.theta, members, rng), start, age, rng):
            whose.append(who)
            when.append(time)
        day = np.searchsorted(elapsed, np.concatenate(when), side="left")
        result.append((np.concatenate(whose), day.astype(np.int64)))
    return result


def modelled(panel: Panel, model: Model) -> NDArray[np.bool_]:
    """Which occasions of `panel` the model explains: all but the purchase that starts a member's clock."""
    keep = np.ones(len(panel.member), dtype=bool)
    if model.origin == "first purchase":
        keep[np.flatnonzero(np.diff(panel.member, prepend=-1))] = False
    return keep


def baskets_of(panel: Panel, fit: Fit, rng: np.random.Generator, draws: int = 20) -> Baskets:
    """Basket fit of `panel`, with each member's purchase rate as `fit` sees it."""
    states = (states_given(fit.candidate.model, fit.theta, fit.data, rng) for _ in range(draws))
    score = np.mean([rate_score(fit, s.rate) for s in states], axis=0)
    return fit_baskets(panel, modelled(panel, fit.candidate.model), score)


def _fit(panel: Panel, candidate: Candidate, clock: Clock, near: Floats | None) -> Fit:
    plain = _at_clock(panel, candidate, clock, near)
    if not candidate.growth:
        return plain
    fit = plain
    for step in (0.4, 0.1):
        centre = fit.clock.growth
        sides = [_at_growth(panel, fit, centre + s) for s in (-step, step)]
        down, up = (side.log_likelihood - fit.log_likelihood for side in sides)
        bend = down + up
        move = step * (down - up) / (2 * bend) if bend < 0 else step * np.sign(up - down)
        fit = _at_growth(panel, fit, float(np.clip(centre + move, -_MOST_GROWTH, _MOST_GROWTH)))
    return fit


def _at_growth(panel: Panel, fit: Fit, growth: float) -> Fit:
    return _at_clock(panel, fit.candidate, replace(fit.clock, growth=growth), fit.theta)


def _at_clock(panel: Panel, candidate: Candidate, clock: Clock, near: Floats | None) -> Fit:
    model = candidate.model
    data = histories(panel, model.origin, clock)
    if near is None:
        events = float(data.count @ (data.gaps + 1))
        exposure = float(data.count @ data.age)
        near = np.log([max(events / exposure, 1e-5), 1.0, 1.0, 10.0][: len(model.names)])
    low, high = np.array([_BOUNDS[name] for name in model.names]).T
    members = float(data.count.sum())

    def loss(theta: Floats) -> float:
        inside = np.clip(theta, low, high)
        return -log_likelihood(model, inside, data) / members + float(((theta - inside) ** 2).sum())

    def slope(theta: Floats) -> Floats:
        here, unit = loss(theta), np.eye(len(theta)) * _STEP
        return np.array([loss(theta + u) - here for u in unit]) / _STEP

    result = minimize(loss, near, jac=slope, method="BFGS", options={"gtol": 5e-6, "maxiter": 200})
    theta = np.clip(np.asarray(result.x, dtype=float), low, high)
    return Fit(candidate, clock, theta, log_likelihood(model, theta, data), data)


def _hessian(fit: Fit) -> Floats:
    model, data, theta, step = fit.candidate.model, fit.data, fit.theta, 1e-3
    size = len(theta)
    unit = np.eye(size) * step

    def value(shift: Floats) -> float:
        return -log_likelihood(model, theta + shift, data)

    result = np.empty((size, size))
    for i in range(size):
        for j in range(i + 1):
            cross = (
                value(unit[i] + unit[j])
                - value(unit[i] - unit[j])
                - value(unit[j] - unit[i])
                + value(-unit[i] - unit[j])
            ) / (4 * step**2)
            result[i, j] = result[j, i] = cross
    return result


def _season(panel: Panel, fit: Fit, draws: int = 20) -> tuple[float, ...]:
    """53 factors: purchases by week of the year beside what each member's own rate lets expect without
    season.

    A member's rate and end are drawn given their whole history, so that who happens to be in the panel
    when, and how the panel began, is not taken for a season.
    """
    rng = np.random.default_rng(53)
    model = fit.candidate.model
    firsts = np.flatnonzero(np.diff(panel.member, prepend=-1))
    lasts = np.append(firsts[1:], len(panel.day)) - 1
    begin = panel.day[firsts] + 1 if model.origin == "first purchase" else np.zeros_like(firsts)
    rates = np.zeros(panel.days + 1)
    for _ in range(draws):
        state = states_given(model, fit.theta, fit.data, rng)
        end = np.where(state.alive, panel.days, panel.day[lasts] + 1)
        rates += np.bincount(begin, weights=state.rate, minlength=panel.days + 1)
        rates -= np.bincount(end, weights=state.rate, minlength=panel.days + 1)
    daily = np.cumsum(rates[:-1]) / draws * replace(fit.clock, season=None).weights(0, panel.days - 1)
    weeks = week_of_year(panel.start, np.arange(panel.days))
    expected = np.bincount(weeks, weights=np.maximum(daily, 0.0), minlength=WEEKS).astype(np.float64)
    actual = np.bincount(weeks[panel.day[modelled(panel, model)]], minlength=WEEKS)
    return season_factors(actual.astype(np.float64), expected)
