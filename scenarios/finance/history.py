"""What a member's own history says about their rate, leaving and basket, given the population they belong to."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from scipy import special

from scenarios.calibration.standing import drawn_there, log_there
from sim.errors import InputError
from sim.population import WEEKS, Population, week_of_year
from sim.typing import Array, Floats, Ints

CANDIDATES = 64
"""Draws from the population of which one is taken, by how well it explains the last purchase, where that alone is known."""


@dataclass(frozen=True)
class Known:
    """What is known of each member; times in operational days (see `elapsed`), NaN where not known."""

    first: Floats
    """(n,) from the first purchase to the start"""
    last: Floats
    """(n,) from the last purchase to the start"""
    purchases: Ints
    """(n,) from the first on, that one included; 0 where there is no history"""
    spend: Floats
    """(n,) list value of those, currency units; NaN where not known"""
    rate: Floats
    """(n,) factor of the member's segment on the rate"""
    basket: Floats
    """(n,) factor of the member's segment on the basket"""
    there: Floats
    """(n,) probability, before any history, of having been there before the data of which the population tells"""


@dataclass(frozen=True)
class Drawn:
    """One draw of what members are."""

    rate: Floats
    """(n,) purchases an operational day"""
    leave: Floats
    """(n,) probability of lapsing at a purchase"""
    alive: Array
    """(n,) not lapsed"""
    wait: Floats
    """(n,) operational days from the start to the next purchase, of those not lapsed"""
    mu: Floats
    """(n,) log median basket, currency units"""


def drawn(population: Population, known: Known, rng: np.random.Generator) -> Drawn:
    """Draw every member given their history.

    With a history the rate is gamma and the leaving probability beta, mixed over whether the member has left since the last
    purchase and how many stages of an Erlang gap are done (Fader, Hardie, Lee 2005, eq. 3 to 6; for k stages the survival of a
    gap is the sum of k terms). Who may have been there before the data of which the population tells is weighed as such too
    (scenarios.calibration.standing). With a last purchase alone, one of CANDIDATES members of the population is taken by its
    weight. With nothing, a member is a draw from the population.
    """
    n = len(known.first)
    rate, leave, wait = np.zeros(n), np.zeros(n), np.zeros(n)
    alive = np.ones(n, bool)
    full = known.purchases > 0
    some = ~full & np.isfinite(known.last)
    for rows, way in ((full, _by_history), (some, _by_recency), (~full & ~some, _by_population)):
        where = np.flatnonzero(rows)
        for part in np.array_split(where, max(1, len(where) // 50_000)):
            if len(part):
                rate[part], leave[part], alive[part], wait[part] = way(population, known, part, rng)
    return Drawn(rate, leave, alive, wait, _baskets(population, known, rate, rng))


def elapsed(population: Population, start: dt.date, days: Array) -> Floats:
    """Operational days from moments `days` before the start (numbers of days, NaN kept) to the start: season and growth as the
    engine has them, growth running from the start backwards too."""
    known = np.isfinite(days)
    longest = int(np.nanmax(days, initial=0)) + 1
    back = np.arange(1, longest + 1)
    season = np.ones(WEEKS) if population.season is None else np.array(population.season)
    speed = season[week_of_year(start, -back)] * (1 + population.growth) ** (-back / 365.0)
    total = np.concatenate([[0.0], np.cumsum(speed)])
    return np.where(known, np.interp(np.nan_to_num(days), np.arange(longest + 1), total), np.nan)


def there_before(population: Population, first: Floats) -> Floats:
    """(n,) probability of having been there before the data of which the population tells, of members whose first purchase is
    known to lie so many days before the start, NaN = not known: none of those who are known to have come before."""
    standing = population.standing
    if standing is None:
        return np.zeros(len(first))
    return np.where(first > standing.since_days + 1, 0.0, standing.share)


def _prior(population: Population, factor: Floats) -> tuple[float, Floats]:
    """Shape and (n,) inverse scale of the rate."""
    shape = population.purchase_rate.shape
    return shape, shape / (population.purchase_rate.mean * factor)


def _beta(population: Population) -> tuple[float, float] | None:
    leaving = population.leaving
    return None if leaving.a is None or leaving.b is None else (leaving.a, leaving.b)


def _by_history(population: Population, known: Known, rows: Ints, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    k = population.regularity
    shape, inverse = _prior(population, known.rate[rows])
    age, silent = known.first[rows], known.last[rows]
    repeats = known.purchases[rows] - 1
    until = age - silent
    gaps = shape + k * repeats
    beta = _beta(population)
    chance = population.leaving.probability or 0.0
    with np.errstate(divide="ignore"):
        if beta is not None:
            log_odds = np.log(beta[0]) - np.log(beta[1] + repeats - 1.0, where=repeats > 0, out=np.zeros(len(rows)))
        else:
            log_odds = np.full(len(rows), np.log(chance) - np.log1p(-chance) if chance < 1 else np.inf)
        log_ways = np.full((len(rows), k + 1), -np.inf)
        for j in range(k):
            passed = j * np.log(k * silent) if j else 0.0
            log_ways[:, j] = passed - special.gammaln(j + 1) + special.gammaln(gaps + j) - (gaps + j) * np.log(inverse + k * age)
        log_ways[:, k] = np.where(repeats > 0, log_odds + special.gammaln(gaps) - gaps * np.log(inverse + k * until), -np.inf)
    standing = population.standing
    if standing is not None and beta is not None:
        stood = log_ways + _log_there(standing.came_over, beta, k, shape, inverse, gaps, repeats, age, until)
        there = known.there[rows][:, None]
        with np.errstate(divide="ignore"):
            log_ways = np.hstack([log_ways + np.log1p(-there), stood + np.log(there)])
    weight = np.exp(log_ways - log_ways.max(axis=1, keepdims=True)).cumsum(axis=1)
    way = (rng.random(len(rows))[:, None] * weight[:, -1:] > weight).sum(axis=1)
    before, way = way > k, way % (k + 1)
    alive = way < k
    stage = np.where(alive, way, 0)
    stages, scale = np.where(alive, gaps + stage, gaps), inverse + k * np.where(alive, age, until)
    rate = rng.standard_gamma(stages) / scale
    leave = np.full(len(rows), chance)
    if beta is not None:
        left, stayed = beta[0] + ~alive, np.maximum(beta[1] + repeats - ~alive, 1e-9)
        leave = rng.beta(left, stayed)
        if standing is not None:
            found = drawn_there(standing.came_over, left[before], stayed[before], stages[before], scale[before], rng)
            rate[before], leave[before] = found
    wait = rng.standard_gamma((k - stage).astype(float)) / (k * np.maximum(rate, 1e-300))
    return rate, leave, alive, wait


def _log_there(
    days: float, beta: tuple[float, float], k: int, shape: float, inverse: Floats, gaps: Array, repeats: Ints, age: Floats,
    until: Floats,
) -> Floats:  # fmt: skip
    """(n, k + 1) what each way of a history is likelier by, as a log, for one who had come within `days` before the data."""
    each, none = np.arange(repeats.max(initial=0) + 1.0), np.zeros(len(gaps), np.int64)
    ways = [(gaps + stage, age, False) for stage in range(k)] + [(gaps, until, True)]
    given = [log_there(days, *beta, each, left, stages, inverse + k * time, repeats) for stages, time, left in ways]
    at_all = log_there(days, *beta, np.zeros(1), False, np.full(len(gaps), shape), inverse, none)
    return np.column_stack(given) - at_all[:, None]


def _by_recency(population: Population, known: Known, rows: Ints, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
    shape, inverse = _prior(population, known.rate[rows])
    silent = known.last[rows][:, None]
    rate = rng.standard_gamma(shape, (len(rows), CANDIDATES)) / inverse[:, None]
    beta = _beta(population)
    leave = rng.beta(*beta, rate.shape) if beta else np.full(rate.shape, population.leaving.probability or 0.0)
    k = population.regularity
    stays = (1 - leave) * special.gammaincc(k, k * rate * silent)
    weight = rate * (stays + leave)
    if population.standing is not None:
        passed = np.maximum(rate * leave * population.standing.came_over, 1e-12)
        share = -np.expm1(-passed) / passed
        there = known.there[rows][:, None]
        weight = weight * (1 - there + there * share / share.mean())
    weight = weight.cumsum(axis=1)
    pick = (rng.random(len(rows))[:, None] * weight[:, -1:] > weight).sum(axis=1).clip(0, CANDIDATES - 1)
    every = np.arange(len(rows))
    rate, leave, stays = rate[every, pick], leave[every, pick], stays[every, pick]
    alive = rng.random(len(rows)) * (stays + leave) < stays
    return rate, leave, alive, rng.standard_exponential(len(rows)) / np.maximum(rate, 1e-300)


def _by_population(
    population: Population, known: Known, rows: Ints, rng: np.random.Generator
) -> tuple[Array, Array, Array, Array]:
    shape, inverse = _prior(population, known.rate[rows])
    rate = rng.standard_gamma(shape, len(rows)) / inverse
    beta = _beta(population)
    leave = rng.beta(*beta, len(rows)) if beta else np.full(len(rows), population.leaving.probability or 0.0)
    if population.standing is not None and beta:
        stood = rng.random(len(rows)) < known.there[rows]
        a, b = (np.full(int(stood.sum()), x) for x in beta)
        found = drawn_there(population.standing.came_over, a, b, np.full(len(a), shape), inverse[stood], rng)
        rate[stood], leave[stood] = found
    return rate, leave, np.ones(len(rows), bool), rng.standard_exponential(len(rows)) / np.maximum(rate, 1e-300)


def _baskets(population: Population, known: Known, rate: Floats, rng: np.random.Generator) -> Floats:
    """Log medians: normal given the rate's score, updated by the mean of the member's baskets (moments of the lognormal)."""
    basket = population.basket
    shape, inverse = _prior(population, known.rate)
    score = special.ndtri(np.clip(special.gammainc(shape, rate * inverse), 1e-12, 1 - 1e-12))
    rho = basket.rate_correlation
    centre = np.log(basket.median * known.basket) + basket.sigma_between * rho * score
    spread = basket.sigma_between**2 * (1 - rho**2)
    told = (known.purchases > 0) & np.isfinite(known.spend) & (known.spend > 0)
    count = np.maximum(known.purchases, 1)
    noise = np.log1p((np.exp(basket.sigma**2) - 1) / count)
    mean = np.log(np.where(told, known.spend, 1.0) / count) - basket.sigma**2 / 2 + noise / 2
    gain = np.where(told & (spend_known := spread + noise > 0), spread / np.where(spend_known, spread + noise, 1.0), 0.0)
    return np.asarray(centre + gain * (mean - centre) + np.sqrt(spread * (1 - gain)) * rng.standard_normal(len(rate)))


def check(population: Population) -> None:
    """Raise InputError where the population cannot be conditioned on a history."""
    if population.leaving.probability == 1.0:
        raise InputError("population.leaving: members who always leave after a purchase cannot have a history")
