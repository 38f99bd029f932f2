"""Likelihood of purchase histories: gamma rates, beta leaving, Erlang gaps, clock from first purchase or
panel start.

One family holds the models that are compared. With gaps of order 1, leaving, and the clock started by the
first purchase it is the BG/NBD model (Fader, Hardie, Lee 2005, Marketing Science 24, eq. 6); without
leaving the NBD model (Ehrenberg 1959); with gaps of order k the BG/CNBD-k model (Platzer 2016; Reutterer,
Platzer, Schroeder 2021, Int. J. Forecasting 37). For members who joined before the data begin the clock
starts with the panel, the first gap is cut (an equilibrium renewal process; Cox 1962, ch. 2), and members
who never bought are not seen, so that the likelihood is that of a history with at least one purchase (zero
truncation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln

from scenarios.calibration.calendar import Clock
from scenarios.calibration.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Origin = Literal["first purchase", "panel start"]


@dataclass(frozen=True)
class Model:
    """Which member of the family: where the clock starts, whether members leave, order of the gaps."""

    origin: Origin = "first purchase"
    leaving: bool = True
    order: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters, in the order of the vectors of their logs."""
        rate = ("purchase_rate.mean", "purchase_rate.shape")
        return (*rate, "leaving.a", "leaving.b") if self.leaving else rate


@dataclass(frozen=True)
class Histories:
    """What the likelihood needs of each distinct history, in operational days since the member's clock
    started.

    `gaps`: full gaps between purchases; `wait`: time to the first purchase (0 where that starts the
    clock); `recency`: time of the last purchase; `age`: time to the end of the fit; `count`: members with
    this history; `row`: the distinct history of each member; `log_gaps`: sum of log gaps over all members;
    `log_weights`: sum of log day weights at the modelled purchases of all members (the change of variable
    from days to operational days).
    """

    gaps: Floats
    wait: Floats
    recency: Floats
    age: Floats
    count: Floats
    row: Ints
    log_gaps: float
    log_weights: float


def histories(panel: Panel, origin: Origin, clock: Clock) -> Histories:
    """The distinct histories in `panel` on the operational time of `clock`."""
    elapsed = clock.elapsed(panel.days - 1)
    weight = clock.weights(0, panel.days - 1)
    bounds = np.flatnonzero(np.diff(panel.member, prepend=-1))
    counts = np.diff(np.append(bounds, len(panel.member)))
    at = elapsed[panel.day]
    first, final = at[bounds], at[bounds + counts - 1]
    gap = np.diff(at)
    inner = np.ones(len(at), dtype=bool)
    inner[bounds] = False
    log_gaps = float(np.log(gap[inner[1:]]).sum())
    modelled = inner if origin == "first purchase" else np.ones(len(at), dtype=bool)
    zero = first if origin == "first purchase" else np.zeros(len(first))
    table = np.column_stack([counts - 1.0, first - zero, final - zero, elapsed[-1] - zero])
    unique, row, count = np.unique(table.round(9), axis=0, return_inverse=True, return_counts=True)
    return Histories(
        unique[:, 0],
        unique[:, 1],
        unique[:, 2],
        unique[:, 3],
        count.astype(float),
        row.reshape(-1).astype(np.int64),
        log_gaps,
        float(np.log(weight[panel.day][modelled]).sum()),
    )


@dataclass(frozen=True)
class Parts:
    """Log weights of the ways in which a history can have come about, one column a way, one row a history.

    The rate of a way is Gamma(`shape`, `scale`) a posteriori; `phase` counts the stages of the open gap
    already done; `alive` says whether the member is still active in it.
    """

    log: Floats
    shape: Floats
    scale: Floats
    phase: Ints
    alive: NDArray[np.bool_]


def parts(model: Model, theta: Floats, data: Histories) -> Parts:
    """The ways of each history under `theta` = logs of `model.names` (rate a day, shape, a, b)."""
    k, log_k = model.order, np.log(model.order)
    shape = np.exp(theta[1])
    alpha = shape / np.exp(theta[0])
    start = model.origin == "panel start"
    chances = data.gaps + 1 if start else data.gaps
    stay = lose = np.zeros(len(data.gaps))
    if model.leaving:
        a, b = np.exp(theta[2]), np.exp(theta[3])
        stay = betaln(a, b + chances) - betaln(a, b)
        with np.errstate(invalid="ignore", divide="ignore"):
            lose = np.where(
                chances > 0, betaln(a + 1, b + np.maximum(chances, 1) - 1) - betaln(a, b), -np.inf
            )
    with np.errstate(divide="ignore"):
        log_open = np.log(data.age - data.recency)
        log_wait = np.log(data.wait)
    columns, shapes, scales, phases, alive = [], [], [], [], []
    base = shape * np.log(alpha) - gammaln(shape)
    for first in range(1, k + 1) if start else (0,):
        lead = (
            (first - 1) * log_wait - gammaln(first) - log_k
            if first > 1
            else np.zeros(len(data.gaps)) - (log_k if start else 0)
        )
        for phase, lives in [(j, True) for j in range(k)] + ([(0, False)] if model.leaving else []):
            stages = k * data.gaps + first + phase
            scale = alpha + k * (data.age if lives else data.recency)
            opened = phase * log_open - gammaln(phase + 1) if phase else 0.0
            columns.append(
                base
                + lead
                + opened
                + stages * log_k
                + gammaln(shape + stages)
                - (shape + stages) * np.log(scale)
                + (stay if lives else lose)
            )
            shapes.append(shape + stages)
            scales.append(scale)
            phases.append(phase)
            alive.append(lives)
    return Parts(
        np.column_stack(columns),
        np.column_stack(shapes),
        np.column_stack(scales),
        np.array(phases),
        np.array(alive),
    )


def log_likelihood(model: Model, theta: Floats, data: Histories) -> float:
    """Log-likelihood of all members, in days; comparable between models with the same origin.

    For order 1 and the clock from the first purchase this is eq. (7) of Fader, Hardie, Lee (2005), up to
    the unit of time: with rates a week instead of a day it is larger by log 7 for each gap.
    """
    log = parts(model, theta, data).log
    most = log.max(axis=1)
    rows = most + np.log(np.exp(log - most[:, None]).sum(axis=1))
    total = float(data.count @ rows) + (model.order - 1) * data.log_gaps + data.log_weights
    total -= float(data.count @ data.gaps) * float(gammaln(model.order))
    if model.origin == "panel start":
        total -= float(data.count.sum()) * float(np.log1p(-unseen(model, theta, float(data.age[0]))))
    return total


def unseen(model: Model, theta: Floats, age: float) -> float:
    """Probability that a member present at the start of a panel of `age` operational days buys nothing in
    it.
    """
    k, shape = model.order, np.exp(theta[1])
    alpha = shape / np.exp(theta[0])
    j = np.arange(k)
    log = (
        np.log((k - j) / k)
        + j * np.log(k * age)
        - gammaln(j + 1)
        + gammaln(shape + j)
        - gammaln(shape)
        + shape * np.log(alpha)
        - (shape + j) * np.log(alpha + k * age)
    )
    return float(np.exp(log).sum())
