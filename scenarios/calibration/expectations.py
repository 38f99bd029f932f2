"""What a fitted candidate expects of the days after, and what it says of the days it was fitted to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaincc, ndtri

from scenarios.calibration.baskets import Baskets, fit_baskets
from scenarios.calibration.bgnbd import rates_by_day
from scenarios.calibration.calendar import Clock
from scenarios.calibration.candidates import Fit
from scenarios.calibration.lives import joiners, present_at_start, purchases, rate_of, states_anew, states_given
from scenarios.calibration.panel import Panel
from sim.typing import Floats, Ints


def elapsed_after(clock: Clock, days: int) -> Floats:
    """Operational days from the end of the fit to the end of each of the `days` days after it."""
    return np.cumsum(clock.weights(clock.last + 1, clock.last + days))


def rate_score(fit: Fit, rate: Floats) -> Floats:
    """Normal score of a purchase rate among the rates of all members of the fitted model."""
    mean, shape = rates_by_day(fit.candidate.model, fit.theta)
    share = gammainc(shape, rate * shape / mean)
    score: Floats = ndtri(np.clip(share, 1e-6, 1 - 1e-6))
    return score


def expectation(
    fit: Fit, panel: Panel, days: int, rng: np.random.Generator, draws: int = 20
) -> tuple[Floats, ...]:
    """Expected purchases, probability of any purchase and expected value over the `days` days after the
    fit, by member.

    Averages over draws of each member's state; given the state, purchases are (1 - exp(-rate p t)) / p for
    leaving probability p (Fader, Hardie, Lee 2005, eq. 9 before mixing). With returns being
    active is a Markov chain of two states.
    """
    k = fit.candidate.model.order
    t = float(elapsed_after(fit.clock, days)[-1])
    states = [states_given(fit.candidate.model, fit.theta, fit.data, rng) for _ in range(draws)]
    scores = [rate_score(fit, s.rate) for s in states]
    baskets = fit_baskets(panel, modelled(panel, fit), np.mean(scores, axis=0))
    bought, active, value = np.zeros((3, len(fit.data.row)))
    for state, score in zip(states, scores, strict=True):
        lead = (state.phase - (k - 1) / 2) / k if k > 1 else 0.0
        turn = np.maximum(state.leaving, 1e-9) * state.rate + state.back  # a day, between active and lapsed
        settled = state.rate * state.back / turn
        expected = settled * t + (state.alive * state.rate - settled) * -np.expm1(-turn * t) / turn
        expected = np.maximum(expected + state.alive * lead * -np.expm1(-state.rate * t), 0.0)
        bought += expected
        active += np.where(
            state.alive,
            1 - gammaincc((k - state.phase).astype(float), k * state.rate * t),
            returned_and_bought(state.rate, state.back, t),
        )
        value += expected * baskets.expected(score)
    return bought / draws, active / draws, value / draws


def returned_and_bought(rate: Floats, back: float, t: float) -> Floats:
    """Probability that a lapsed member who returns at the rate `back`, then buys at `rate`, both a day, buys within `t` days."""
    if not back:
        return np.zeros(len(rate))
    apart = np.where(np.abs(rate - back) < 1e-9, rate + 1e-9, rate)
    bought: Floats = 1 - (apart * np.exp(-back * t) - back * np.exp(-apart * t)) / (apart - back)
    return bought


def fitted_days(fit: Fit, panel: Panel, rng: np.random.Generator, copies: int) -> list[tuple[Ints, Ints]]:
    """Panels drawn from the fit, each as (member, day) of its purchases, without those that start a
    member's clock.

    `copies` panels of those who joined (with the same starts, and first in number), and of as many more as must
    have been there at the start for the others to be seen. Purchases of one day are one, as in the data.
    """
    model, elapsed = fit.candidate.model, fit.clock.elapsed(panel.days - 1)
    age = float(elapsed[-1])
    result = []
    born = panel.day[panel.firsts()][joiners(model, fit.theta, fit.data)]
    start = np.append(elapsed[born], np.zeros(present_at_start(model, fit.theta, fit.data)))
    joined = np.arange(len(start)) < len(born)
    for _ in range(copies):
        whose, when = [np.empty(0, dtype=np.int64)], [np.empty(0)]
        anew = states_anew(model, fit.theta, joined, rng)
        for who, time in purchases(model, replace(anew, rate=rate_of(model, anew.rate)), start, age, rng):
            whose.append(who)
            when.append(time)
        day = np.searchsorted(elapsed, np.concatenate(when), side="left")
        both = np.unique(np.concatenate(whose) * panel.days + day)
        result.append((both // panel.days, both % panel.days))
    return result


def modelled(panel: Panel, fit: Fit) -> NDArray[np.bool_]:
    """Which occasions of `panel` the model explains: all but the purchase that starts a member's clock."""
    keep = np.ones(len(panel.member), dtype=bool)
    keep[panel.firsts()] = ~joiners(fit.candidate.model, fit.theta, fit.data)
    return keep


def baskets_of(panel: Panel, fit: Fit, rng: np.random.Generator, draws: int = 20) -> Baskets:
    """Basket fit of `panel`, with each member's purchase rate as `fit` sees it."""
    states = (states_given(fit.candidate.model, fit.theta, fit.data, rng) for _ in range(draws))
    score = np.mean([rate_score(fit, s.rate) for s in states], axis=0)
    return fit_baskets(panel, modelled(panel, fit), score)
