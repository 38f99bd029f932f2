"""Effects between arms: means, proportions, ratios, with covariates, and their joint covariance.

Every effect is a smooth function of the arms' means; its gradient gives standard error, degrees of freedom
and the covariance with every other effect (delta method).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from experiments.arm_means import ArmMeans
from experiments.fieller import fieller, mover
from scenarios.numerals import as_stated, significant
from sim.typing import Floats

REFUSED_WITHIN = 3.0
"""standard errors: a base or denominator nearer to 0 than this is taken as 0"""
FIELLER_WITHIN = 10.0
"""standard errors: a denominator nearer to 0 than this has its interval by Fieller"""
ROUNDING = 1e-13
"""a variance is 0 below this share of those that it is the difference of, as where a covariate is the metric itself"""


class Undefined(ValueError):
    """The estimate has no meaning on these data; the message says why."""


@dataclass(frozen=True)
class Target:
    """What to estimate: a mean of `column`, or a ratio of `column` to `denominator`, with covariates."""

    name: str
    column: str
    denominator: str | None = None
    covariates: tuple[str, ...] = ()
    """columns of the covariates, indicators of missing values among them"""
    adjustment: Literal["none", "cuped", "lin"] = "none"
    factor: tuple[float, ...] | None = None
    """one an arm: multiplies the column's mean; turns the share below a quantile into the quantile's
    influence"""
    level: tuple[float, ...] | None = None
    """one an arm: the level where it is known otherwise, as for quantiles"""


@dataclass(frozen=True)
class Levels:
    """The level of one target in each arm, adjusted for covariates, as functions of the means."""

    target: Target
    value: Floats
    """shape (A,)"""
    gradients: Floats
    """shape (A, A, p): row a is the gradient of arm a's level with respect to all means"""
    coefficients: int
    """coefficients of covariates that were estimated"""


@dataclass(frozen=True)
class Effect:
    """One effect of an arm against the control, on the absolute scale, with the level of the control."""

    target: Target
    effect: float
    se: float
    df: float
    low: float
    high: float
    p: float
    base: float
    relative: float | None
    """effect / |base|; none where the base is within 3 standard errors of 0"""
    relative_se: float | None
    relative_low: float | None
    relative_high: float | None
    gradient: Floats
    """shape (A, p)"""
    relative_gradient: Floats | None


def levels(means: ArmMeans, target: Target) -> Levels:
    """Levels of `target`, adjusted.

    CUPED: level less theta (mean of covariates - their mean over all arms), theta by pooled within-arm least
    squares (Deng, Xu, Kohavi, Walker 2013). Lin: the same with one theta an arm, the regression with
    interactions (Lin 2013), the chance of the covariates' overall mean included (Negi, Wooldridge 2021). For
    a ratio the linearised (y - R x) / mean x is adjusted.

    Raises Undefined for a ratio whose denominator is within 3 standard errors of 0.
    """
    arms, p = means.mean.shape
    value, own = np.zeros(arms), np.zeros((arms, p))
    y = means.column(target.column)
    variance = means.variance
    for a in range(arms):
        if target.denominator is None:
            own[a, y] = 1.0 if target.factor is None else target.factor[a]
            value[a] = means.mean[a, y] if target.level is None else target.level[a]
            continue
        x = means.column(target.denominator)
        below = means.mean[a, x]
        if abs(below) <= REFUSED_WITHIN * math.sqrt(variance[a, x, x]):
            raise Undefined(
                f"the mean of its denominator is {significant(below, 4)} in arm {means.arms[a]!r}, "
                f"within {as_stated(REFUSED_WITHIN)} standard errors of 0"
            )
        value[a] = means.mean[a, y] / below
        own[a, y], own[a, x] = 1 / below, -value[a] / below
    gradients = np.zeros((arms, arms, p))
    gradients[np.arange(arms), np.arange(arms)] = own
    if target.adjustment == "none" or not target.covariates:
        return Levels(target, value, gradients, 0)
    at = [means.column(name) for name in target.covariates]
    lessened = means.members**2 * (means.units - 1) / means.units
    weight = lessened[:, None, None] * variance
    sides = np.einsum("akp,ap->ak", weight[:, at], own)
    squares = weight[:, at][:, :, at]
    if target.adjustment == "cuped":
        theta, rank = _coefficients(squares.sum(axis=0), sides.sum(axis=0))
        thetas, estimated = np.tile(theta, (arms, 1)), rank
    else:
        fits = [_coefficients(squares[a], sides[a]) for a in range(arms)]
        thetas, estimated = np.array([theta for theta, _ in fits]), sum(rank for _, rank in fits)
    share = means.members / means.members.sum()
    centre = share @ (means.mean[:, at] - means.mean[0, at]) + means.mean[0, at]
    for a in range(arms):
        value[a] -= thetas[a] @ (means.mean[a, at] - centre)
        gradients[a, a, at] -= thetas[a]
        gradients[a][:, at] += share[:, None] * thetas[a]
    return Levels(target, value, gradients, estimated)


def effect(means: ArmMeans, of: Levels, arm: int, control: int, alpha: float = 0.05) -> Effect:
    """The effect of `arm` against `control` with its two-sided 1 - alpha interval.

    t interval with Welch-Satterthwaite degrees of freedom; with covariates the standard error is widened for
    the coefficients estimated and for chance imbalance, as in the analysis of covariance. A ratio whose
    denominator is within 10 standard errors of 0 has its interval from Fieller limits (Fieller 1954)
    combined by MOVER (Donner, Zou 2012), and its p-value from the test of y_t x_c = y_c x_t. Relative
    intervals are Fieller's.
    """
    widening, share_left = _widening(means, of, arm, control)
    gradient = (of.gradients[arm] - of.gradients[control]) * widening
    difference, base = float(of.value[arm] - of.value[control]), float(of.value[control])
    variance = float(means.covariance(gradient[None])[0, 0])
    parts = float(np.einsum("ap,app,ap", gradient, means.variance, gradient))
    se = math.sqrt(variance) if variance > ROUNDING * parts else 0.0
    if se == 0 and abs(difference) <= math.sqrt(ROUNDING) * abs(base):
        difference = 0.0
    df = means.df(gradient) * share_left
    t = float(stats.t.isf(alpha / 2, df))
    low, high = difference - t * se, difference + t * se
    p = 2 * float(stats.t.sf(abs(difference) / se, df)) if se > 0 else float(difference == 0)
    if of.target.denominator is not None and _near_zero(means, of.target.denominator, arm, control):
        low, high, p = _ratio_interval(means, of, arm, control, t, df, widening)
    relative = _relative(means, of, arm, control, t, widening)
    return Effect(of.target, difference, se, df, low, high, p, base, *relative[:4], gradient, relative[4])


def covariance(means: ArmMeans, effects: Sequence[Effect], relative: Sequence[bool]) -> Floats:
    """Covariance of effects, shape (K, K), each on its relative scale where `relative` says so."""
    gradients = [
        one.relative_gradient if wanted and one.relative_gradient is not None else one.gradient
        for one, wanted in zip(effects, relative, strict=True)
    ]
    moves = np.array([one.se > 0 for one in effects])
    return means.covariance(np.array(gradients)) * np.outer(moves, moves)


def _coefficients(squares: Floats, sides: Floats) -> tuple[Floats, int]:
    """Least-squares coefficients and rank; a covariate that is constant or repeats others counts for
    nothing."""
    scale = np.sqrt(np.diag(squares))
    used = scale > 1e-9 * scale.max(initial=0.0)
    theta = np.zeros(len(sides))
    if not used.any():
        return theta, 0
    s = scale[used]
    solution, _, rank, _ = np.linalg.lstsq(
        squares[np.ix_(used, used)] / np.outer(s, s), sides[used] / s, rcond=1e-9
    )
    theta[used] = solution / s
    return theta, int(rank)


def _widening(means: ArmMeans, of: Levels, arm: int, control: int) -> tuple[float, float]:
    """Factor on the standard error for estimated coefficients, and share of the degrees of freedom left."""
    if of.coefficients == 0:
        return 1.0, 1.0
    nu = float(means.units.sum()) - len(means.arms)
    left = nu - of.coefficients
    if left < 2:
        raise Undefined(f"{of.coefficients} coefficients of covariates leave {left:.0f} degrees of freedom")
    at = [means.column(name) for name in of.target.covariates]
    apart = means.mean[arm, at] - means.mean[control, at]
    spread = means.variance[[arm, control]].sum(axis=0)[np.ix_(at, at)]
    solved, _ = _coefficients(spread, apart)
    return math.sqrt((nu / left) * (1 + float(apart @ solved) / nu)), left / nu


def _near_zero(means: ArmMeans, denominator: str, arm: int, control: int) -> bool:
    x = means.column(denominator)
    se = np.sqrt(means.variance[:, x, x])
    return any(abs(means.mean[a, x]) < FIELLER_WITHIN * se[a] for a in (arm, control))


def _ratio_interval(
    means: ArmMeans, of: Levels, arm: int, control: int, t: float, df: float, widening: float
) -> tuple[float, float, float]:
    """Interval and p-value of a difference of ratios with denominators not far from 0.

    Covariates enter as in the linearised ratio: the numerator is adjusted so that the ratio is the adjusted
    level.
    """
    assert of.target.denominator is not None
    x = means.column(of.target.denominator)
    limits, tops, gradients = [], [], []
    for a in (arm, control):
        below = means.mean[a, x]
        unit = np.zeros_like(of.gradients[a])
        unit[a, x] = 1.0
        top = of.gradients[a] * below + of.value[a] * unit
        both = means.covariance(np.array([top, unit]) * widening)
        limits.append(fieller(of.value[a] * below, below, both, t))
        tops.append((of.value[a] * below, below))
        gradients.append((top, unit))
    (y1, x1), (y0, x0) = tops
    test = y1 * x0 - y0 * x1
    slope = x0 * gradients[0][0] + y1 * gradients[1][1] - x1 * gradients[1][0] - y0 * gradients[0][1]
    se = math.sqrt(float(means.covariance(slope[None])[0, 0])) * widening
    p = 2 * float(stats.t.sf(abs(test) / se, df)) if se > 0 else float(test == 0)
    low, high = mover(float(of.value[arm]), limits[0], float(of.value[control]), limits[1])
    return low, high, p


def _relative(
    means: ArmMeans, of: Levels, arm: int, control: int, t: float, widening: float
) -> tuple[float | None, float | None, float | None, float | None, Floats | None]:
    """Relative effect, se, low, high and gradient; none where the base is within 3 standard errors of 0."""
    top, base = float(of.value[arm]), float(of.value[control])
    both = means.covariance(np.array([of.gradients[arm], of.gradients[control]]))
    if abs(base) <= REFUSED_WITHIN * math.sqrt(max(float(both[1, 1]), 0.0)) or base == 0:
        return None, None, None, None, None
    sign = math.copysign(1.0, base)
    slope = (of.gradients[arm] - of.gradients[control] * (top / base)) / abs(base) * widening
    se = math.sqrt(max(float(means.covariance(slope[None])[0, 0]), 0.0))
    ends = fieller(top, base, both * widening**2, t)
    low, high = sorted(sign * (end - 1) for end in ends)
    return (top - base) / abs(base), se, low, high, slope
