"""Ultimate redemption by a growth curve: the share of a cohort's redemptions that has happened by an age.

Clark (2003), "LDF curve-fitting and stochastic reserving", his Cape Cod method: one ultimate rate and one curve for all cohorts,
increments over-dispersed Poisson with mean = points issued x rate x growth of the curve. What a cohort redeems beyond its latest
age depends on the points issued to it and on the curve, not on what it has redeemed so far; so young cohorts with little history
are steadier than under chain ladder, and a drift of the rate over cohorts is seen later.

Ages are in periods; a cohort earned through period 0 is on average half a period old at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import xlogy

from scenarios.finance.triangle import Triangle
from sim.errors import InputError
from sim.typing import Floats, Ints

Kind = Literal["weibull", "loglogistic"]
_STARTS = ((0.5, 1.0), (0.5, 0.6), (1.5, 1.0), (1.5, 2.0))
_STEP = 1e-4


def weibull(age: Floats, scale: float, shape: float) -> Floats:
    """1 - exp(-(age / scale)^shape)."""
    return np.asarray(-np.expm1(-((age / scale) ** shape)))


def loglogistic(age: Floats, scale: float, shape: float) -> Floats:
    """age^shape / (age^shape + scale^shape)."""
    power = (age / scale) ** shape
    return np.asarray(power / (1 + power))


CURVES: dict[str, Callable[[Floats, float, float], Floats]] = {"weibull": weibull, "loglogistic": loglogistic}


@dataclass(frozen=True)
class Curve:
    """A fitted growth curve. Points are in points, ages in periods."""

    triangle: Triangle
    kind: Kind
    rate: float
    """ultimate redemption rate of points issued, up to `last_age`"""
    scale: float
    shape: float
    last_age: int | None
    """age after whose end no point is left to redeem (its expiry); None: redemption never ends"""
    dispersion: float
    """variance of an increment / its mean"""
    se: Floats
    """(cohorts,) standard error of the ultimates, from increments and estimated parameters"""
    total_se: float
    """of their sum"""

    def grown(self, age: Floats) -> Floats:
        """Share of ultimate redemptions that has happened by the end of each age, 0 to 1."""
        return _grown(self.kind, self.scale, self.shape, self.last_age, age)

    @property
    def to_come(self) -> Floats:
        """(cohorts,) points still to be redeemed."""
        known = self.triangle
        return np.asarray(known.issued * self.rate * (1 - self.grown(known.latest_age.astype(float))))

    @property
    def ultimates(self) -> Floats:
        """(cohorts,) points redeemed in the end: those redeemed so far + to_come."""
        return np.asarray(self.triangle.latest + self.to_come)

    @property
    def rates(self) -> Floats:
        """(cohorts,) ultimates / points issued."""
        return np.asarray(self.ultimates / self.triangle.issued)

    @property
    def completed(self) -> Floats:
        """(cohorts, ages) cumulative, known and projected."""
        known = self.triangle
        grown = self.grown(np.arange(known.cumulative.shape[1], dtype=float))
        ahead = known.latest[:, None] + known.issued[:, None] * self.rate * (grown - grown[known.latest_age][:, None])
        return np.where(np.isnan(known.cumulative), ahead, known.cumulative)


def fit_curve(known: Triangle, kind: Kind = "weibull", last_age: int | None = None) -> Curve:
    """Fit a growth curve to a triangle by maximum (quasi-)likelihood.

    last_age: where points expire, the age at whose end they do; redemption stops there, and the curve is cut accordingly.
    Raises InputError where points issued are missing, cumulative points fall, nothing was redeemed, there are fewer than 3 ages,
    or the triangle goes beyond `last_age`. Source: Clark (2003), sec. 2 and 3.
    """
    _check(known, kind, last_age)
    model = _Increments.of(known, kind, last_age)
    ages = known.cumulative.shape[1]
    fits = []
    for far, slope_at in _STARTS:
        start = np.log([far * ages, slope_at])
        fits.append(minimize(model.loss, start, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-13, "maxiter": 4000}))
    logs = np.asarray(min(fits, key=lambda t: float(t.fun)).x)
    share = model.growth(logs)
    with np.errstate(over="ignore"):
        rate = float(model.redeemed.sum() / (model.issued * share).sum())
    if not np.isfinite(rate):
        raise InputError("too few ages have redemptions to tell where a curve ends")
    mean = rate * model.issued * share
    free = max(len(model.redeemed) - 3, 1)
    seen = mean > 0
    dispersion = float(((model.redeemed - mean)[seen] ** 2 / mean[seen]).sum() / free)
    theta = np.array([np.log(rate), *logs])
    slope = _jacobian(model.expected, theta)[seen]
    information = slope.T @ (slope / (dispersion * mean[seen])[:, None]) if dispersion > 0 else np.full((3, 3), np.inf)
    covariance = np.linalg.pinv(information) if dispersion > 0 else np.zeros((3, 3))
    lead, to_come = _jacobian(model.to_come, theta), model.to_come(theta)
    se = np.sqrt(dispersion * to_come + np.einsum("ij,jk,ik->i", lead, covariance, lead))
    all_of = lead.sum(axis=0)
    total_se = float(np.sqrt(dispersion * to_come.sum() + all_of @ covariance @ all_of))
    scale, shape = (float(np.exp(log)) for log in logs)
    return Curve(known, kind, rate, scale, shape, last_age, dispersion, se, total_se)


def _check(known: Triangle, kind: Kind, last_age: int | None) -> None:
    """Raise InputError where no curve can be fitted."""
    if kind not in CURVES:
        raise InputError(f"curve {kind!r} is not known; allowed: {', '.join(CURVES)}")
    ages = known.cumulative.shape[1]
    if ages < 3:
        raise InputError(f"a curve needs a triangle of at least 3 ages; this one has {ages}")
    if last_age is not None and last_age < ages - 1:
        raise InputError(f"points expire at age {last_age}, but the triangle is known up to age {ages - 1}")
    if np.isnan(known.issued).any() or (known.issued <= 0).any():
        raise InputError("a curve needs the points issued to each cohort, more than 0")
    steps = np.diff(known.cumulative, axis=1, prepend=0.0)
    if (steps < 0).any():
        raise InputError("cumulative points redeemed fall from one age to the next; a curve needs them never to fall")
    if not np.nansum(steps):
        raise InputError("nothing has been redeemed yet, so no curve can be fitted")


@dataclass(frozen=True)
class _Increments:
    """The known cells of a triangle as one row of increments, each (cells,), under a curve whose parameters are logs: scale and
    shape (`logs`), with the ultimate rate before them (`theta`)."""

    triangle: Triangle
    kind: Kind
    last_age: int | None
    redeemed: Floats
    issued: Floats
    age: Ints

    @classmethod
    def of(cls, known: Triangle, kind: Kind, last_age: int | None) -> _Increments:
        """Those of a triangle that `_check` has passed."""
        steps = np.diff(known.cumulative, axis=1, prepend=0.0)
        cell = ~np.isnan(steps)
        issued = np.broadcast_to(known.issued[:, None], cell.shape)[cell]
        age = np.broadcast_to(np.arange(steps.shape[1]), cell.shape)[cell]
        return cls(known, kind, last_age, steps[cell], issued, age)

    def growth(self, logs: Floats) -> Floats:
        """(cells,) share of ultimate redemptions that falls on each cell."""
        ages = np.arange(-1, self.triangle.cumulative.shape[1]).astype(float)
        return np.asarray(np.diff(self._grown(logs, ages))[self.age])

    def loss(self, logs: Floats) -> float:
        """Negative quasi-log-likelihood a point redeemed, at the rate that fits best."""
        if np.abs(logs).max() > 300:  # beyond what an exponential holds, and beyond any curve
            return np.inf
        share = self.growth(logs)
        exposed = float((self.issued * share).sum())
        if not np.isfinite(exposed) or exposed <= 0:
            return np.inf
        mean = self.redeemed.sum() * (self.issued * share / exposed)
        value = float((mean - xlogy(self.redeemed, np.maximum(mean, 1e-300))).sum()) / self.redeemed.sum()
        return value if np.isfinite(value) else np.inf

    def expected(self, theta: Floats) -> Floats:
        """(cells,) expected redemptions."""
        return np.asarray(np.exp(theta[0]) * self.issued * self.growth(theta[1:]))

    def to_come(self, theta: Floats) -> Floats:
        """(cohorts,) expected redemptions beyond the latest age."""
        known = self.triangle
        return np.asarray(np.exp(theta[0]) * known.issued * (1 - self._grown(theta[1:], known.latest_age.astype(float))))

    def _grown(self, logs: Floats, age: Floats) -> Floats:
        return _grown(self.kind, float(np.exp(logs[0])), float(np.exp(logs[1])), self.last_age, age)


def _grown(kind: str, scale: float, shape: float, last_age: int | None, age: Floats) -> Floats:
    """Share grown by the end of `age`; 0 at age -1, and 1 from last_age on."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        share = np.where(age < 0, 0.0, CURVES[kind](np.maximum(age + 0.5, 0.0), scale, shape))
        if last_age is not None:
            share = np.minimum(share / CURVES[kind](np.asarray(last_age + 0.5), scale, shape), 1.0)
    return np.asarray(share)


def _jacobian(of: Callable[[Floats], Floats], at: Floats) -> Floats:
    """Central differences, (values, parameters)."""
    steps = np.eye(len(at)) * _STEP
    return np.column_stack([(of(at + step) - of(at - step)) / (2 * _STEP) for step in steps])
