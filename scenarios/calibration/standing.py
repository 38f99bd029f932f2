"""Members who were there before the data begin: who is still there of those who came at a steady pace, over some time.

Who buys often, and leaves easily, has left first: one who came h days before is still there with probability
exp(-rate chance h). Those who came at a steady pace over H days are therefore there with rates and chances of leaving that are
gamma and beta, as joiners', times the mean of that over h from 0 to H. With H = 0 they are as joiners; with H without end both
shapes are less by 1 (the length-biased law of renewal theory; Cox 1962, ch. 5). Given its chance and h a member's rate stays
gamma; the mean over h is in closed form, that over chances is taken by Gauss quadrature.
"""

from __future__ import annotations

import numpy as np

from scenarios.calibration.returns import beta_nodes
from sim.typing import Floats, Ints

CAME_OVER = "standing.came_over"
_CHANCES = 10


def share_there(shape: Floats, scale: Floats, slope: Floats) -> Floats:
    """Mean of exp(-rate x) over x from 0 to `slope` and over rates Gamma(`shape`, `scale`)."""
    u = slope / scale
    less = _apart_from_0(shape - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Floats = np.where(u > 1e-12, -np.expm1(-less * np.log1p(u)) / (less * u), 1.0)
    return result


def log_there(days: float, a: float, b: float, each: Floats, left: bool, shape: Floats, scale: Floats, number: Ints) -> Floats:
    """Log of the mean of `share_there` over chances of leaving, given `each` purchases, after the last of which a member left,
    or not: entry `number` of `each` goes with a `shape` and a `scale`. `days`: over which they came; `a`, `b`: of Beta.
    """
    chance, weight = beta_nodes(a, b, _CHANCES)
    with np.errstate(divide="ignore"):
        log = np.log(weight) + np.outer(each - left, np.log1p(-chance)) + left * np.log(chance)
    given = np.exp(log - np.logaddexp.reduce(log, axis=1)[:, None])
    there = share_there(shape[:, None], scale[:, None], days * chance)
    result: Floats = np.log((given[number] * there).sum(axis=1))
    return result


def drawn_there(
    days: float, a: Floats, b: Floats, shape: Floats, scale: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """One draw of each member's rate and chance of leaving: gamma and beta, of one who came within `days` and is still there."""
    chance = np.empty(len(b))
    open_ = np.arange(len(b))
    while len(open_):
        tried = rng.beta(a[open_], b[open_])
        taken = rng.random(len(open_)) < share_there(shape[open_], scale[open_], days * tried)
        chance[open_[taken]] = tried[taken]
        open_ = open_[~taken]
    less = _apart_from_0(shape - 1)
    u = days * chance / scale
    came = np.expm1(-np.log1p(rng.random(len(b)) * np.expm1(-less * np.log1p(u))) / less)
    return rng.standard_gamma(shape) / (scale * (1 + came)), chance


def _apart_from_0(x: Floats) -> Floats:
    return np.where(np.abs(x) < 1e-9, 1e-9, x)
