"""Lives drawn forward: who is still a member, at what rate, and the purchases that follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.calibration.bgnbd import Histories, Model, parts, unseen
from scenarios.calibration.returns import RETURN_RATE, drawn
from scenarios.calibration.standing import CAME_OVER, drawn_there
from sim.typing import Floats, Ints


@dataclass(frozen=True)
class States:
    """Members at one moment: purchases a day, leaving probability, stages of the open gap done, still active or
    not, and whether their clock was started by their first purchase; `back` is the rate a day at which the lapsed return.
    """

    rate: Floats
    leaving: Floats
    phase: Ints
    alive: NDArray[np.bool_]
    joined: NDArray[np.bool_]
    back: float = 0.0


def states_given(model: Model, theta: Floats, data: Histories, rng: np.random.Generator) -> States:
    """One draw of every member's state at the end of the fit, given their own history.

    Given its history the rate of a member is Gamma and the leaving probability Beta (Fader, Hardie, Lee
    2005, from eq. 3 and 6), with the ways in which the history can have come about weighed by their
    likelihoods.
    """
    if data.silences is not None:
        rate, leaving, alive = drawn(theta, data.silences, rng)
        phase, joined = np.zeros(len(rate), dtype=np.int64), np.ones(len(rate), dtype=bool)
        return States(_by_day(model, rate), leaving, phase, alive, joined, _back(model, theta))
    ways = parts(model, theta, data)
    weight = np.exp(ways.log - ways.log.max(axis=1, keepdims=True))
    cumulative = np.cumsum(weight, axis=1)
    row = data.row
    pick = (rng.random(len(row))[:, None] * cumulative[row, -1:] > cumulative[row]).sum(axis=1)
    rate = rng.standard_gamma(ways.shape[row, pick]) / ways.scale[row, pick]
    alive = ways.alive[pick]
    leaving = np.zeros(len(row))
    if model.leaving:
        chances = data.gaps[row] + ~ways.joined[pick]
        leaving = rng.beta(np.exp(theta[2]), np.exp(theta[3]) + chances)
    if model.standing:
        days = np.exp(theta[model.names.index(CAME_OVER)])
        who = np.flatnonzero(~ways.joined[pick])
        at, left = pick[who], ~alive[who]
        a, b = np.exp(theta[2]) + left, np.exp(theta[3]) + chances[who] - left
        rate[who], leaving[who] = drawn_there(days, a, b, ways.shape[row[who], at], ways.scale[row[who], at], rng)
    return States(_by_day(model, rate), leaving, ways.phase[pick], alive, ways.joined[pick])


def states_anew(
    model: Model, theta: Floats, joined: NDArray[np.bool_], rng: np.random.Generator
) -> States:
    """One draw of members' states when their clock starts, before any history; `joined` says of each whether a
    purchase starts it.
    """
    shape, members = np.exp(theta[1]), len(joined)
    rate = rng.standard_gamma(shape, members) * np.exp(theta[0]) / shape
    leaving = rng.beta(np.exp(theta[2]), np.exp(theta[3]), members) if model.leaving else np.zeros(members)
    if model.standing:
        there = np.full(int((~joined).sum()), 1.0)
        days, a, b = np.exp(theta[model.names.index(CAME_OVER)]), np.exp(theta[2]) * there, np.exp(theta[3]) * there
        rate[~joined], leaving[~joined] = drawn_there(days, a, b, shape * there, shape / np.exp(theta[0]) * there, rng)
    phase = np.where(joined, 0, rng.integers(0, model.order, members))
    return States(_by_day(model, rate), leaving, phase, np.ones(members, dtype=bool), joined, _back(model, theta))


def _by_day(model: Model, rate: Floats) -> Floats:
    """Purchases a day at a rate, of which a day with random gaps has one at most."""
    return -np.expm1(-rate) if model.by_day and model.order == 1 else rate


def rate_of(model: Model, by_day: Floats) -> Floats:
    """The rate at which days have so many purchases, one at most, on average."""
    return -np.log1p(-np.minimum(by_day, 1 - 1e-9)) if model.by_day and model.order == 1 else by_day


def _back(model: Model, theta: Floats) -> float:
    return float(np.exp(theta[model.names.index(RETURN_RATE)])) if model.returning else 0.0


def purchases(
    model: Model, states: States, start: Floats | float, end: float, rng: np.random.Generator
) -> Iterator[tuple[Ints, Floats]]:
    """The purchases between operational times `start` (one a member, or one for all) and `end`.

    Yields (index of member, time) for everyone's first purchase, then everyone's second, until nobody buys
    before `end`. Who has lapsed waits for their return, or for ever.
    """
    who = np.arange(len(states.alive)) if states.back else np.flatnonzero(states.alive)
    rate = model.order * states.rate[who]
    time = np.broadcast_to(np.asarray(start, dtype=float), states.rate.shape)[who].copy()
    stages = (model.order - states.phase[who]).astype(float)
    leaving = states.leaving[who]
    if states.back:
        time[~states.alive] += rng.standard_exponential(int((~states.alive).sum())) / states.back
    while len(who):
        step = rng.standard_exponential(len(who)) if model.order == 1 else rng.standard_gamma(stages)
        with np.errstate(divide="ignore", over="ignore"):
            time = time + step / rate
        buys = time < end
        who, rate, time, leaving = who[buys], rate[buys], time[buys], leaving[buys]
        yield who, time
        stays = rng.random(len(who)) >= leaving if model.leaving else np.ones(len(who), dtype=bool)
        if states.back:
            time = np.where(stays, time, time + rng.standard_exponential(len(who)) / states.back)
            stays = time < end
        who, rate, time, leaving = who[stays], rate[stays], time[stays], leaving[stays]
        stages = np.full(len(who), float(model.order))


def joiners(model: Model, theta: Floats, data: Histories) -> NDArray[np.bool_]:
    """Whether the first purchase of each member seen is taken to have started their clock: of as many as are
    expected, those of whom it is likeliest.
    """
    if model.origin == "first purchase":
        return np.ones(len(data.row), dtype=bool)
    ways = parts(model, theta, data)
    weight = np.exp(ways.log - ways.log.max(axis=1, keepdims=True))
    chance = (weight[:, ways.joined].sum(axis=1) / weight.sum(axis=1))[data.row]
    result = np.zeros(len(chance), dtype=bool)
    result[np.argsort(-chance, kind="stable")[: round(float(chance.sum()))]] = True
    return result


def present_at_start(model: Model, theta: Floats, data: Histories) -> int:
    """Members who must have been there at the start of a panel for as many to be seen who did not join in it."""
    waited = int((~joiners(model, theta, data)).sum())
    return round(waited / (1 - unseen(model, theta, float(data.age.max())))) if waited else 0
