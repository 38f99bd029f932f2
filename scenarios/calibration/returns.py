"""Likelihood of purchase histories when lapsed members return of their own accord.

As BG/NBD from the first purchase on: gamma rates, random gaps, and a chance of lapsing after every purchase but the first,
beta over members. Who has lapsed is active again after a time that is exponential at the return rate, and then buys at
their own rate. Given rate and chance, every gap is active time, or a lapse, an absence and active time: a product over gaps,
a polynomial in the chance. The chance is integrated out by Gauss-Jacobi quadrature, the rate on a grid of its log.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal
from scipy.sparse import csr_array
from scipy.special import gammainc, gammaln

from sim.typing import Floats, Ints

RETURN_RATE = "leaving.return_rate"
_CHANCES = 8
_CLOSE_DAYS, _APART = 20, 1.06
_LEAST, _MOST, _WIDEST = 0.02, 3.0, 0.25
_BLOCK = 512  # histories whose grids stay in a core's cache: half again as fast as 4,096


Made = TypeVar("Made")


@dataclass(frozen=True)
class Silences:
    """The gaps of each distinct history, in operational days: `gaps` how many are full, `recency` their sum, `last` the open one;
    `count` members share it, `row` is that of each member. With two full gaps or more every member has their own.

    `full` and `ended` weigh the `nodes` (days) between which the length of a gap lies, one row a history: all full gaps but the
    first, and the open one of those who could have lapsed. `log_rate` is the grid of rates. `half` of a day that has a purchase
    is no time without one (scenarios.calibration.bgnbd).
    """

    gaps: Floats
    recency: Floats
    last: Floats
    count: Floats
    row: Ints
    nodes: Floats
    full: csr_array
    ended: csr_array
    log_rate: Floats
    half: float


def silences(gaps: Floats, recency: Floats, age: Floats, length: Floats, whose: Ints, half: float) -> Silences:
    """Gaps of members with so many `gaps`, `recency` and `age`; `length` of every full gap but first ones, and `whose` it is;
    `half` as in Silences.
    """
    own = np.where(gaps > 1, np.arange(1, len(gaps) + 1), 0)
    table = np.column_stack([gaps, recency, age, own])
    unique, row, count = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    row = row.reshape(-1)
    gaps, recency, age, _ = unique.T
    last = age - recency
    nodes = day_nodes(max(float(last.max()), float(length.max(initial=1.0))))
    could = np.flatnonzero(gaps > 0)
    return Silences(
        gaps=gaps,
        recency=recency,
        last=last,
        count=count.astype(float),
        row=row,
        nodes=nodes,
        full=weights_between(nodes, length, row[whose], len(gaps)),
        ended=weights_between(nodes, last[could], could, len(gaps)),
        log_rate=rate_grid(float(gaps.max()), float(age.max())),
        half=half,
    )


def day_nodes(longest: float) -> Floats:
    """Lengths of gaps, in days up to `longest`, between which functions of a gap are interpolated: every day, later 6 % apart."""
    steps = int(np.ceil(np.log(max(longest / _CLOSE_DAYS, 1.0)) / np.log(_APART))) + 2
    nodes: Floats = np.append(np.arange(_CLOSE_DAYS), _CLOSE_DAYS * _APART ** np.arange(steps, dtype=np.float64))
    return nodes


def rate_grid(gaps: float, age: float) -> Floats:
    """Logs of rates a day on which members with up to so many `gaps` in up to `age` days are told apart."""
    spacing = min(_WIDEST, 1.5 / np.sqrt(1 + gaps))
    low, high = np.log(_LEAST / age), np.log(_MOST)
    return np.linspace(low, high, int(np.ceil((high - low) / spacing)) + 1)


def rate_weights(theta: Floats, log_rate: Floats) -> Floats:
    """Logs of the weights of `log_rate` under gamma rates, `theta` beginning with the logs of their mean and shape."""
    shape = np.exp(theta[1])
    alpha = shape / np.exp(theta[0])
    step = log_rate[1] - log_rate[0]
    rate = np.exp(log_rate)
    log_weight = np.log(step) + shape * (np.log(alpha) + log_rate) - alpha * rate - gammaln(shape)
    below = gammainc(shape, alpha * rate[0] * np.exp(-step / 2))
    log_weight[0] = np.logaddexp(log_weight[0], np.log(max(below, 1e-300)))
    result: Floats = log_weight - np.logaddexp.reduce(log_weight)
    return result


def weights_between(nodes: Floats, length: Floats, whose: Ints, rows: int) -> csr_array:
    """Weights of the two nodes around each length, added up by row: a function is then interpolated linearly."""
    after = np.clip(np.searchsorted(nodes, length), 1, len(nodes) - 1)
    share = (length - nodes[after - 1]) / (nodes[after] - nodes[after - 1])
    entries = (np.append(1 - share, share), (np.append(whose, whose), np.append(after - 1, after)))
    return csr_array(entries, shape=(rows, len(nodes)))


@dataclass(frozen=True)
class Grid:
    """Rates a day and chances of lapsing with the logs of their prior weights, and the return rate a day."""

    rate: Floats
    log_rate_weight: Floats
    chance: Floats
    chance_weight: Floats
    back: float


def grid(theta: Floats, data: Silences) -> Grid:
    """Nodes and weights under `theta` = logs of mean and shape of rates, a, b and the return rate."""
    a, b, back = np.exp(theta[2:5])
    chance, weight = beta_nodes(float(a), float(b), _CHANCES)
    return Grid(np.exp(data.log_rate), rate_weights(theta, data.log_rate), chance, weight, float(back))


@lru_cache(maxsize=8)
def beta_nodes(a: float, b: float, nodes: int) -> tuple[Floats, Floats]:
    """Gauss quadrature for Beta(a, b) on (0, 1), weights adding to 1 (Golub, Welsch 1969, Math. Comp. 23)."""
    n = np.arange(nodes, dtype=float)
    s = 2 * n + a + b - 2
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.where(n == 0, (a - b) / (a + b), (a + b - 2) * (a - b) / (s * (s + 2)))
        m = n[1:]
        top = 4 * m * (m + a - 1) * (m + b - 1) * (m + a + b - 2)
        beside = top / (s[1:] ** 2 * (s[1:] + 1) * (s[1:] - 1))
    beside[0] = 4 * a * b / ((a + b) ** 2 * (a + b + 1))
    values, vectors = eigh_tridiagonal(middle, np.sqrt(beside))
    return np.clip((1 + values) / 2, 1e-12, 1 - 1e-12), vectors[0] ** 2


def by_block(theta: Floats, data: Silences, of: Callable[[slice, Grid, Floats], Made]) -> list[Made]:
    """`of` each block of histories, in their order: (histories, grid, log of prior times likelihood by history, rate and chance,
    up to what the grid leaves out). Blocks are worked on by all cores; no number depends on how many there are.
    """
    at = grid(theta, data)
    log_full, log_ended = _log_tables(at, data.nodes, data.half)
    log_prior = at.log_rate_weight[:, None] + np.log(np.maximum(at.chance_weight, 1e-300))

    def one(begin: int) -> Made:
        block = slice(begin, begin + _BLOCK)
        lapses = data.full[block] @ log_full + data.ended[block] @ log_ended
        without = data.recency + data.last - np.minimum(data.half * data.gaps, data.recency / 2)
        active = np.outer(data.gaps[block], data.log_rate) - np.outer(without[block], at.rate)
        result = lapses.reshape(-1, len(at.rate), len(at.chance))
        result += active[:, :, None]
        result += log_prior
        return of(block, at, result)

    begins = range(0, len(data.gaps), _BLOCK)
    if len(begins) == 1:
        return [one(0)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, begins))


def _log_tables(at: Grid, days: Floats, half: float) -> tuple[Floats, Floats]:
    """Log of what a gap of so many days is likelier by than active time alone: full ones, and open ones; rows as `days`."""
    excess = (at.rate - at.back)[:, None]
    excess = np.where(np.abs(excess) < 1e-12, 1e-12, excess)
    t = days[:, None, None]
    stay, lose = np.log1p(-at.chance), np.log(at.chance)

    def returned(t: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            log: Floats = np.log(at.back) + excess * t + np.log(-np.expm1(-excess * t) / excess)
        return log

    full = np.logaddexp(stay, lose + returned(np.maximum(t - half, 0.0)))
    ended = np.logaddexp(np.logaddexp(stay, lose + returned(t)), lose + excess * t)
    return full.reshape(len(days), -1), ended.reshape(len(days), -1)


def log_likelihood(theta: Floats, data: Silences) -> float:
    """Of all histories, in operational days."""

    def rows(block: slice, at: Grid, log: Floats) -> Floats:
        flat = log.reshape(len(log), -1)
        most = flat.max(axis=1)
        flat -= most[:, None]
        result: Floats = most + np.log(np.exp(flat, out=flat).sum(axis=1))
        return result

    return float(data.count @ np.concatenate(by_block(theta, data, rows)))


def drawn(theta: Floats, data: Silences, rng: np.random.Generator) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """One draw of every member's rate, chance of lapsing and whether active now (returned counts), given their history."""
    members = np.argsort(data.row, kind="stable")
    sorted_row = data.row[members]
    luck = rng.random(len(members))

    def picked(block: slice, at: Grid, log: Floats) -> tuple[Floats, Floats]:
        flat = log.reshape(len(log), -1)
        flat -= flat.max(axis=1, keepdims=True)
        cumulative = np.cumsum(np.exp(flat, out=flat), axis=1, out=flat)
        cumulative /= cumulative[:, -1:].copy()
        cumulative += np.arange(len(flat))[:, None]
        ladder = cumulative.ravel()  # one rising row after the other
        begin, end = np.searchsorted(sorted_row, (block.start, block.stop))
        own = sorted_row[begin:end] - block.start
        pick = np.searchsorted(ladder, own + luck[begin:end]) - own * flat.shape[1]
        pick = np.minimum(pick, flat.shape[1] - 1)
        return at.rate[pick // len(at.chance)], at.chance[pick % len(at.chance)]

    rate, p = np.empty((2, len(members)))
    rate[members], p[members] = (np.concatenate(part) for part in zip(*by_block(theta, data, picked), strict=True))
    back = grid(theta, data).back
    excess = np.where(np.abs(rate - back) < 1e-12, 1e-12, rate - back)
    last = data.last[data.row]
    there = np.log1p(-p), np.log(p * back) + excess * last + np.log(np.maximum(-np.expm1(-excess * last) / excess, 1e-300))
    odds = np.logaddexp(*there) - np.log(p) - excess * last
    active = np.where(data.gaps[data.row] > 0, 1 / (1 + np.exp(-np.clip(odds, -700, 700))), 1.0)
    return rate, p, rng.random(len(active)) < active
