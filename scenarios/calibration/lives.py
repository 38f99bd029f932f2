"""Lives drawn forward: who is still a member, at what rate, and the purchases that follow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.calibration.bgnbd import Histories, Model, parts, unseen

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class States:
    """Members at one moment: rate a day, leaving probability, stages of the open gap done, still active or
    not.
    """

    rate: Floats
    leaving: Floats
    phase: Ints
    alive: NDArray[np.bool_]


def states_given(model: Model, theta: Floats, data: Histories, rng: np.random.Generator) -> States:
    """One draw of every member's state at the end of the fit, given their own history.

    Given its history the rate of a member is Gamma and the leaving probability Beta (Fader, Hardie, Lee
    2005, from eq. 3 and 6), with the ways in which the history can have come about weighed by their
    likelihoods.
    """
    ways = parts(model, theta, data)
    weight = np.exp(ways.log - ways.log.max(axis=1, keepdims=True))
    cumulative = np.cumsum(weight, axis=1)
    row = data.row
    pick = (rng.random(len(row))[:, None] * cumulative[row, -1:] > cumulative[row]).sum(axis=1)
    rate = rng.standard_gamma(ways.shape[row, pick]) / ways.scale[row, pick]
    alive = ways.alive[pick]
    leaving = np.zeros(len(row))
    if model.leaving:
        chances = data.gaps[row] + (model.origin == "panel start")
        leaving = rng.beta(np.exp(theta[2]), np.exp(theta[3]) + chances)
    return States(rate, leaving, ways.phase[pick], alive)


def states_anew(model: Model, theta: Floats, members: int, rng: np.random.Generator) -> States:
    """One draw of the states of `members` members when their clock starts, before any history."""
    shape = np.exp(theta[1])
    rate = rng.standard_gamma(shape, members) * np.exp(theta[0]) / shape
    leaving = rng.beta(np.exp(theta[2]), np.exp(theta[3]), members) if model.leaving else np.zeros(members)
    phase = np.zeros(members, dtype=np.int64)
    if model.origin == "panel start":
        phase = rng.integers(0, model.order, members)
    return States(rate, leaving, phase, np.ones(members, dtype=bool))


def purchases(
    model: Model, states: States, start: Floats | float, end: float, rng: np.random.Generator
) -> Iterator[tuple[Ints, Floats]]:
    """The purchases between operational times `start` (one a member, or one for all) and `end`.

    Yields (index of member, time) for everyone's first purchase, then everyone's second, until nobody buys
    before `end`.
    """
    who = np.flatnonzero(states.alive)
    rate = model.order * states.rate[who]
    time = np.broadcast_to(np.asarray(start, dtype=float), states.rate.shape)[who].copy()
    stages = (model.order - states.phase[who]).astype(float)
    leaving = states.leaving[who]
    while len(who):
        step = rng.standard_exponential(len(who)) if model.order == 1 else rng.standard_gamma(stages)
        with np.errstate(divide="ignore", over="ignore"):
            time = time + step / rate
        buys = time < end
        who, rate, time, leaving = who[buys], rate[buys], time[buys], leaving[buys]
        yield who, time
        stays = rng.random(len(who)) >= leaving if model.leaving else np.ones(len(who), dtype=bool)
        who, rate, time, leaving = who[stays], rate[stays], time[stays], leaving[stays]
        stages = np.full(len(who), float(model.order))


def present_at_start(model: Model, theta: Floats, members: int, age: float) -> int:
    """Members that a panel must have had at its start for `members` of them to be seen within `age` days."""
    if model.origin == "first purchase":
        return members
    return round(members / (1 - unseen(model, theta, age)))
