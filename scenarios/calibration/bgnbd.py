"""Likelihood of purchase histories: gamma rates, beta leaving, Erlang gaps, clock from first purchase or
panel start.

One family holds the models that are compared. With gaps of order 1, leaving, and the clock started by the
first purchase it is the BG/NBD model (Fader, Hardie, Lee 2005, Marketing Science 24, eq. 6); without
leaving the NBD model (Ehrenberg 1959); with gaps of order k the BG/CNBD-k model (Platzer 2016; Reutterer,
Platzer, Schroeder 2021, Int. J. Forecasting 37). For members who joined before the data begin the clock
starts with the panel, the first gap is cut (an equilibrium renewal process; Cox 1962, ch. 2), and members
who never bought are not seen, so that the likelihood is that of a history with at least one purchase (zero
truncation). Where some were there before the data and others join while they run, each history is a mixture of
the two: those who join buy as they join, at a pace by day that rises or falls exponentially, so that first
purchases in excess of what waiting members bring, and members who buy often but came late, tell how many joined.
Returns of lapsed members have no closed form; scenarios.calibration.returns has their likelihood.

Data are days, and a day has one purchase at most: with random gaps a day has one with probability 1 - exp(-rate), not rate, and
none with exp(-rate). As 1 - exp(-rate) is rate exp(-rate / 2) but for rate^2 / 24, each purchase takes half a day from the time
without one, and all stays in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln

from scenarios.calibration.calendar import Clock
from scenarios.calibration.records import Records
from scenarios.calibration.returns import RETURN_RATE, Silences, silences
from scenarios.calibration.returns import log_likelihood as log_likelihood_with_returns
from scenarios.calibration.standing import CAME_OVER, log_there
from sim.typing import Floats, Ints

Origin = Literal["first purchase", "panel start", "either"]
JOINED = ("joined.odds", "joined.fall")


@dataclass(frozen=True)
class Model:
    """Which member of the family: where the clock starts, whether members leave, order of the gaps, whether lapsed members
    return (only with leaving, random gaps and the clock from the first purchase), whether a day has one purchase at most (of the
    textbook's models it has any number), and whether those there before the data had come at a steady pace, or as they began.
    """

    origin: Origin = "first purchase"
    leaving: bool = True
    order: int = 1
    returning: bool = False
    by_day: bool = True
    steady: bool = False

    @property
    def standing(self) -> bool:
        """Whether those there before the data are who is still there of those who came: with random gaps, where members leave."""
        return self.steady and self.origin != "first purchase" and self.leaving and self.order == 1

    @property
    def names(self) -> tuple[str, ...]:
        """Parameters, in the order of the vectors of their logs (the fall of joining itself, over the panel)."""
        leaving = ("leaving.a", "leaving.b") if self.leaving else ()
        back = (RETURN_RATE,) if self.returning else ()
        joined = JOINED if self.origin == "either" else ()
        there = (CAME_OVER,) if self.standing else ()
        return ("purchase_rate.mean", "purchase_rate.shape", *leaving, *back, *joined, *there)


@dataclass(frozen=True)
class Histories:
    """What the likelihood needs of each distinct history, in operational days since the member's clock
    started.

    `gaps`: full gaps between purchases; `wait`: time to the first purchase (0 where that starts the clock); `recency`: time of
    the last purchase; `age`: time to the end of the fit; `first_weight`: log day weight at the first purchase; `share`: of the
    panel's days before that; `count`: members with this history; `row`: the distinct history of each member; `log_gaps`: sum
    of log gaps over all members; `log_weights`: sum of log day weights at all purchases but the first ones (the change of
    variable from days to operational days); `days`: of the panel; `half`: of a day that has a purchase, in operational days, 0
    where purchases have moments; `silences`: gap by gap, where lapsed members return.
    """

    gaps: Floats
    wait: Floats
    recency: Floats
    age: Floats
    first_weight: Floats
    share: Floats
    count: Floats
    row: Ints
    log_gaps: float
    log_weights: float
    days: int
    half: float = 0.0
    silences: Silences | None = None


def histories(seen: Records, model: Model, clock: Clock) -> Histories:
    """`seen` on the operational time of `clock`."""
    days = len(seen.later)
    elapsed, log_weight = clock.elapsed(days - 1), np.log(clock.weights(0, days - 1))
    zero = elapsed[seen.first] if model.origin == "first purchase" else np.zeros(len(seen.first))
    plain = Histories(
        gaps=seen.gaps.astype(float),
        wait=elapsed[seen.first] - zero,
        recency=elapsed[seen.final] - zero,
        age=elapsed[-1] - zero,
        first_weight=log_weight[seen.first],
        share=(seen.first + 0.5) / days,
        count=seen.count.astype(float),
        row=seen.row,
        log_gaps=float(np.log(elapsed[seen.late] - elapsed[seen.early]).sum()),
        log_weights=float(seen.later @ log_weight),
        days=days,
        half=float(elapsed[-1]) / days / 2 if model.by_day and model.order == 1 else 0.0,
    )
    if not model.returning:
        return plain
    row, later = seen.row, seen.early > seen.first[seen.row][seen.whose]
    length, whose = (elapsed[seen.late] - elapsed[seen.early])[later], seen.whose[later]
    own = (plain.gaps[row], plain.recency[row], plain.age[row])
    return replace(plain, silences=silences(*own, length, whose, plain.half))


@dataclass(frozen=True)
class Parts:
    """Log weights of the ways in which a history can have come about, one column a way, one row a history.

    The rate of a way is Gamma(`shape`, `scale`) a posteriori; `phase` counts the stages of the open gap
    already done; `alive` says whether the member is still active in it, `joined` whether the clock was started by
    the first purchase, which then carried no risk of leaving.
    """

    log: Floats
    shape: Floats
    scale: Floats
    phase: Ints
    alive: NDArray[np.bool_]
    joined: NDArray[np.bool_]


def parts(model: Model, theta: Floats, data: Histories) -> Parts:
    """The ways of each history under `theta` = logs of `model.names` (rate a day, shape, a, b, odds and fall of joining)."""
    if model.origin == "first purchase":
        return _ways(model, theta, data, joined=True)
    there = _ways(model, theta, data, joined=False)
    seen = np.log1p(-unseen(model, theta, float(data.age[0])))
    there = replace(there, log=there.log + (data.first_weight - seen)[:, None])
    if model.origin == "panel start":
        return there
    own = replace(data, wait=0.0 * data.wait, recency=data.recency - data.wait, age=data.age - data.wait)
    came = _ways(model, theta, own, joined=True)
    odds, fall = theta[[model.names.index(name) for name in JOINED]]
    pace = log_pace(data, fall)
    return Parts(
        np.hstack([there.log - np.logaddexp(0, odds), came.log + (pace - np.logaddexp(0, -odds))[:, None]]),
        np.hstack([there.shape, came.shape]),
        np.hstack([there.scale, came.scale]),
        np.append(there.phase, came.phase),
        np.append(there.alive, came.alive),
        np.append(there.joined, came.joined),
    )


def log_pace(data: Histories, fall: float) -> Floats:
    """Log density of joining on the day of the first purchase, a day, of each history."""
    pace: Floats = -fall * data.share - np.log(data.days * joining_before(1.0, fall))
    return pace


def joining_before(share: float, fall: float) -> float:
    """Integral of exp(-fall s) over the first `share` of a panel: the pace of joining, up to its level."""
    return share if abs(fall) < 1e-9 else float(-np.expm1(-fall * share) / fall)


def _ways(model: Model, theta: Floats, data: Histories, *, joined: bool) -> Parts:
    k, log_k = model.order, np.log(model.order)
    shape = np.exp(theta[1])
    alpha = shape / np.exp(theta[0])
    start = not joined
    gaps = data.gaps.astype(np.int64)
    each = np.arange(gaps.max() + 1.0)  # special functions once for each number of gaps
    stay = lose = np.zeros(len(gaps))
    if model.leaving:
        a, b = np.exp(theta[2]), np.exp(theta[3])
        chances = each + start
        with np.errstate(invalid="ignore", divide="ignore"):
            left = np.where(chances > 0, betaln(a + 1, b + np.maximum(chances, 1) - 1), -np.inf)
        stay, lose = ((beta - betaln(a, b))[gaps] for beta in (betaln(a, b + chances), left))
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
            time = data.age if lives else data.recency
            scale = alpha + k * np.maximum(time - data.half * (data.gaps + start), time / 2)
            opened = phase * log_open - gammaln(phase + 1) if phase else 0.0
            columns.append(
                base
                + lead
                + opened
                + stages * log_k
                + gammaln(shape + k * each + first + phase)[gaps]
                - (shape + stages) * np.log(scale)
                + (stay if lives else lose)
            )
            shapes.append(shape + stages)
            scales.append(scale)
            phases.append(phase)
            alive.append(lives)
    log = np.column_stack(columns)
    if model.standing and start:
        days = float(np.exp(theta[model.names.index(CAME_OVER)]))
        until = np.maximum(data.age[0] - data.half * (each + 1), data.age[0] / 2)
        here = log_there(days, a, b, each + 1, False, shape + each + 1, alpha + until, np.arange(len(each)))[gaps]
        gone = log_there(days, a, b, each + 1, True, shapes[1], scales[1], gaps)
        log = log + np.column_stack([here, gone]) - _log_there_at_all(model, theta)[0]
    return Parts(
        log,
        np.column_stack(shapes),
        np.column_stack(scales),
        np.array(phases),
        np.array(alive),
        np.full(len(alive), joined),
    )


def log_likelihood(model: Model, theta: Floats, data: Histories) -> float:
    """Log-likelihood of all members, in days; comparable between models with the same origin.

    For order 1 and the clock from the first purchase this is eq. (7) of Fader, Hardie, Lee (2005), up to
    the unit of time: with rates a week instead of a day it is larger by log 7 for each gap.
    """
    if data.silences is not None:
        return log_likelihood_with_returns(theta, data.silences) + data.log_weights
    log = parts(model, theta, data).log
    most = log.max(axis=1)
    rows = most + np.log(np.exp(log - most[:, None]).sum(axis=1))
    total = float(data.count @ rows) + (model.order - 1) * data.log_gaps + data.log_weights
    return total - float(data.count @ data.gaps) * float(gammaln(model.order))


def _log_there_at_all(model: Model, theta: Floats, *silent: float) -> Floats:
    """Log share of those who had come before the data who are still there; then of those who buy nothing for days `silent`."""
    days, a, b = np.exp(theta[[model.names.index(name) for name in (CAME_OVER, "leaving.a", "leaving.b")]])
    scale = np.exp(theta[1] - theta[0]) + np.array([0.0, *silent])
    none = np.zeros(len(scale), np.int64)
    return log_there(days, a, b, np.zeros(1), False, np.full(len(scale), np.exp(theta[1])), scale, none)


def unseen(model: Model, theta: Floats, age: float) -> float:
    """Probability that a member present at the start of a panel of `age` operational days buys nothing in
    it.
    """
    k, shape = model.order, np.exp(theta[1])
    alpha = shape / np.exp(theta[0])
    if model.standing:
        there, silent = _log_there_at_all(model, theta, age)
        return float(np.exp(shape * np.log(alpha / (alpha + age)) + silent - there))
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


def log_first(model: Model, theta: Floats, data: Histories) -> Floats:
    """Log density of the day of each first purchase, the clock being started by either; those there had just come."""
    k, shape = model.order, np.exp(theta[1])
    alpha, j = shape / np.exp(theta[0]), np.arange(model.order)
    wait = np.maximum(data.wait - data.half, data.wait / 2)[:, None]
    log = shape * np.log(alpha) + gammaln(shape + j + 1) - gammaln(shape) - gammaln(j + 1) + j * np.log(k * wait)
    waited = np.logaddexp.reduce(log - (shape + j + 1) * np.log(alpha + k * wait), axis=1) + data.first_weight
    waited = waited - np.log1p(-unseen(model, theta, float(data.age[0])))
    odds, fall = theta[[model.names.index(name) for name in JOINED]]
    first: Floats = np.logaddexp(waited - np.logaddexp(0, odds), log_pace(data, fall) - np.logaddexp(0, -odds))
    return first


def rates_by_day(model: Model, theta: Floats) -> tuple[float, float]:
    """Mean and shape of the gamma distribution of purchases a day of an active member, one a day at most, under `theta`.

    Of the rates that the likelihood knows, where a day may have several, it has the mean and the variance of 1 - exp(-rate).
    """
    mean, shape = (float(x) for x in np.exp(theta[:2]))
    if not model.by_day or model.order > 1:
        return mean, shape
    none, neither = (float(np.exp(-shape * np.log1p(days * mean / shape))) for days in (1, 2))
    return 1 - none, (1 - none) ** 2 / (neither - none**2)
