"""One live effect against one predicted effect: how far apart they are, and what that lets us say.

The live effect y has standard error se. The forecast has mean m and spread s over M draws. The draws either
include the sampling noise of an experiment of the live size, or they do not; the variance of D = y - m counts
that noise once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from scipy import optimize, stats
from scipy.special import ndtr

from sim.typing import Floats

Verdict = Literal["confirmed", "refuted", "different but trivial", "inconclusive"]

POWER = 0.8
"""power that detectable biases and members needed are stated for"""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(100)


@dataclass(frozen=True)
class Spread:
    """Where the variance of D comes from, each part as a standard deviation in the metric's unit."""

    parameters: float
    """not knowing the simulator's parameters, Monte-Carlo error of its mean included"""
    live: float
    """sampling noise of the experiment"""
    total: float
    """standard error of D"""
    df: float
    """degrees of freedom of `total`"""
    live_exceeds_simulated: bool
    """the live noise is larger than all noise that the simulation allowed for"""
    vague: bool = False
    """sampling noise alone may spread so few draws as much (chi-squared, .05): `parameters` may be 0"""


def spread(
    se: float,
    sd: float,
    draws: float = np.inf,
    df_live: float = np.inf,
    noise_included: bool = False,
    luck_sd: float | None = None,
) -> Spread:
    """Standard error of D = y - m, from both sides, with the live noise counted once.

    se: standard error of the live effect; sd: standard deviation of the `draws` predicted effects (inf:
    known); luck_sd: the part of `sd` that is sampling noise, where the prediction states it. Without noise
    in the draws, Var D = sd^2 (1 + 1/M) + se^2. With noise of known size in them, that noise is exchanged
    for the live one; with noise of unknown size, Var D = sd^2 (1 + 1/M), unless the live noise alone is
    larger than that beyond chance (chi-squared, .001), when it takes its place. Degrees of freedom by
    Satterthwaite (1946).
    """
    monte_carlo = sd**2 / draws
    vague = False
    if not noise_included:
        parameters = sd**2 + monte_carlo
        total = parameters + se**2
        parts = parameters**2 / (draws - 1) + se**4 / df_live
        exceeds = False
    elif luck_sd is not None:
        parameters = max(sd**2 - luck_sd**2, 0.0) + monte_carlo
        total = parameters + se**2
        parts = sd**4 / (draws - 1) + se**4 / df_live
        exceeds = se > 1.2 * luck_sd
        vague = bool(np.isfinite(draws)) and (draws - 1) * sd**2 < stats.chi2.isf(0.05, draws - 1) * luck_sd**2
    else:
        floor = sd**2 if np.isinf(draws) else sd**2 * (draws - 1) / stats.chi2.ppf(0.001, draws - 1)
        exceeds = se**2 > floor * (1 + 1e-9)
        total = (se**2 if exceeds else sd**2) + monte_carlo
        parameters = max(total - se**2, monte_carlo)
        parts = total**2 / (df_live if exceeds else draws - 1)
    df = total**2 / parts if parts > 0 else np.inf
    return Spread(float(np.sqrt(parameters)), se, float(np.sqrt(total)), float(df), bool(exceeds), bool(vague))


@dataclass(frozen=True)
class Discrepancy:
    """What the difference test and the equivalence test say together."""

    observed: float
    predicted: float
    difference: float
    """observed - predicted, in the metric's unit"""
    spread: Spread
    p_difference: float
    """two-sided p-value of no difference"""
    p_equivalence: float
    """larger p-value of the two one-sided tests that the true difference lies beyond the margin"""
    interval: tuple[float, float]
    """where an experiment like this one falls with probability 1 - alpha if the simulation is right"""
    margin: float
    alpha: float
    verdict: Verdict
    smallest_margin: float
    """the smallest margin at which the equivalence test passes"""
    detectable_bias: float
    """the smallest bias of the simulator that this check finds with probability .8"""


def discrepancy(
    observed: float, predicted: float, spread: Spread, margin: float, alpha: float = 0.05
) -> Discrepancy:
    """Cross the test of a difference (two-sided, `alpha`) with the test of equivalence (each side, `alpha`).

    Confirmed: equivalent and not different. Different but trivial: both. Refuted: different, not equivalent.
    Inconclusive: neither. Source: Schuirmann (1987) for the two one-sided tests; Tryon (2001), Lakens (2017)
    for the crossing. Raises ValueError for a margin of 0 or less and for a spread of 0.
    """
    if not margin > 0:
        raise ValueError("the margin must be a number above 0")
    if not spread.total > 0:
        raise ValueError("neither the prediction nor the result has any uncertainty")
    d, sd, df = observed - predicted, spread.total, spread.df
    p_difference = float(2 * stats.t.sf(abs(d) / sd, df))
    p_equivalence = float(stats.t.cdf((abs(d) - margin) / sd, df))
    return Discrepancy(
        observed=observed,
        predicted=predicted,
        difference=d,
        spread=spread,
        p_difference=p_difference,
        p_equivalence=p_equivalence,
        interval=expected_interval(predicted, spread, alpha),
        margin=margin,
        alpha=alpha,
        verdict=_VERDICTS[p_difference < alpha, p_equivalence < alpha],
        smallest_margin=abs(d) + float(stats.t.isf(alpha, df)) * sd,
        detectable_bias=detectable_bias(spread, alpha),
    )


def expected_interval(predicted: float, spread: Spread, alpha: float = 0.05) -> tuple[float, float]:
    """Where an experiment like this one falls with probability 1 - alpha if the simulation is right, by Student's t.

    The one interval of a predicted effect: that of a prediction takes the simulated noise for the live one,
    which nobody knows yet, that of a check the live one.
    """
    reach = float(stats.t.isf(alpha / 2, spread.df)) * spread.total
    return predicted - reach, predicted + reach


_VERDICTS: dict[tuple[bool, bool], Verdict] = {
    (False, True): "confirmed",
    (True, False): "refuted",
    (True, True): "different but trivial",
    (False, False): "inconclusive",
}


def power_of_check(bias: float, spread: Spread, alpha: float = 0.05) -> float:
    """Probability that the test of a difference finds a simulator that is off by `bias` (metric's unit)."""
    return _power(abs(bias) / spread.total, spread.df, alpha)


def detectable_bias(spread: Spread, alpha: float = 0.05, power: float = POWER) -> float:
    """The smallest bias (metric's unit) that `power_of_check` finds with probability `power`."""
    return spread.total * _detectable(spread.df, alpha, power)


def _power(shift: float, df: float, alpha: float) -> float:
    """Power of a two-sided t-test against a shift in standard errors: the noncentral t, by quadrature."""
    cuts, weight = _cuts(df, alpha)
    return float(weight @ (ndtr(shift - cuts) + ndtr(-shift - cuts)))


@cache
def _cuts(df: float, alpha: float) -> tuple[Floats, Floats]:
    """The bound that |normal| must pass, at nodes over the estimate of the variance, and their weights."""
    cut = float(stats.t.isf(alpha / 2, df))
    if df > 1e6:
        return np.array([cut]), np.ones(1)
    return cut * np.sqrt(stats.chi2.ppf((_NODES + 1) / 2, df) / df), _WEIGHTS / 2


@cache
def _detectable(df: float, alpha: float, power: float) -> float:
    upper = 8.0
    while _power(upper, df, alpha) < power:
        upper *= 2
    return float(optimize.brentq(lambda shift: _power(shift, df, alpha) - power, 0.0, upper, xtol=1e-9))


@dataclass(frozen=True)
class MembersNeeded:
    """Members in all arms together for a verdict, if the true difference is the one observed; None: never."""

    to_confirm: int | None
    to_refute: int | None


def members_needed(found: Discrepancy, members: int) -> MembersNeeded:
    """How many members the experiment would need for a verdict with probability .8.

    members: in all arms so far. More members shrink the live noise as 1 / sqrt(n) and leave the simulator's
    own uncertainty as it is, so that no number may be enough. The quantiles are those of the verdict, with the
    degrees of freedom of now, so that what is inconclusive needs more; the noise to come is taken as normal.
    """
    d = abs(found.difference)
    one, two = (float(stats.t.isf(level, found.spread.df)) for level in (found.alpha, found.alpha / 2))

    def total(n: float) -> float:
        return float(np.hypot(found.spread.parameters, found.spread.live * np.sqrt(members / n)))

    def confirms(n: float) -> float:
        sd = total(n)
        room = found.margin / sd - one
        return float(stats.norm.cdf(room - d / sd) - stats.norm.cdf(-room - d / sd)) if room > 0 else 0.0

    def refutes(n: float) -> float:
        return float(stats.norm.sf(two - d / total(n)))

    confirm = _smallest(confirms, members) if d < found.margin else None
    return MembersNeeded(confirm, _smallest(refutes, members) if d >= found.margin else None)


def _smallest(power: Callable[[float], float], members: int) -> int | None:
    low, high = float(members), float(members)
    while power(high) < POWER:
        low, high = high, high * 2
        if high > 1e10:
            return None
    while high - low > 0.5 and high / low > 1.0001:
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle) >= POWER else (middle, high)
    return int(np.ceil(high))


def direction(found: Discrepancy) -> str:
    """In one or two words which way the prediction is off: right, overstated, undecided ..."""
    if found.verdict == "confirmed":
        return "right"
    if found.verdict == "inconclusive":
        return "undecided"
    return side(found) if found.verdict == "refuted" else f"{side(found)}, within the margin"


def side(found: Discrepancy) -> str:
    """Which way a prediction is off that is off: wrong in sign only where both have one, beyond their own standard errors."""
    signs = abs(found.observed) > found.spread.live and abs(found.predicted) > found.spread.parameters
    if signs and found.observed * found.predicted < 0:
        return "wrong in sign"
    return "overstated" if abs(found.predicted) > abs(found.observed) else "understated"
