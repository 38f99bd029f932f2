"""How wrong a chain-ladder ultimate can be: Mack's standard error, free of any distribution.

Mack (1993): E[C_k+1 | past] = f_k C_k, Var[C_k+1 | past] = sigma_k^2 C_k, cohorts independent. The error has a part from the
process and a part from the estimated factors; the second is shared by all cohorts, so the total is more than the root sum of
squares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from scenarios.finance.triangle import Development, Triangle, develop
from sim.errors import InputError
from sim.typing import Floats


@dataclass(frozen=True)
class Mack:
    """Chain ladder with its errors, in points."""

    development: Development
    sigma: Floats
    """(ages - 1,) or, with a tail, (ages,): deviation parameter of each development"""
    factor_se: Floats
    """the same shape: standard error of each factor"""
    se: Floats
    """(cohorts,) standard error of the ultimate, and of what is to come"""
    process_se: Floats
    """(cohorts,) the part that a perfect knowledge of the factors would leave"""
    total_se: float
    """of the sum over cohorts, with the correlation that shared factors bring"""

    @property
    def reserve(self) -> float:
        """Points still to be redeemed, all cohorts."""
        return float(self.development.to_come.sum())

    def interval(self, coverage: float = 0.8) -> tuple[float, float]:
        """Limits of the points still to be redeemed in total, lognormal with this mean and standard error (Mack 1993).

        Where the youngest developments are seen in few cohorts it is too narrow: in Mack's own model, 8 ages and coverage 0.8, it
        covers 0.71 with 8 cohorts and 0.80 with 12 or more.
        """
        mean = self.reserve
        if mean <= 0 or self.total_se == 0:
            return mean, mean
        width = np.sqrt(np.log1p((self.total_se / mean) ** 2))
        z = float(ndtri(0.5 + coverage / 2))
        centre = np.log(mean) - width**2 / 2
        return float(np.exp(centre - z * width)), float(np.exp(centre + z * width))


def mack(known: Triangle, tail: float = 1.0, tail_sigma: float | None = None, tail_se: float | None = None) -> Mack:
    """Complete a triangle and give each ultimate its standard error.

    tail: factor beyond the last age; tail_sigma, tail_se: its deviation parameter and standard error, by default read off the
    log-linear trend of the observed ones at the age whose factor the tail resembles. The deviation of the last development,
    of which one cohort tells, is Mack's minimum of the two before and their extrapolation.
    Raises InputError for fewer than 3 ages. Source: Mack (1993), theorem 3 and its corollary, in the recursive form of Mack
    (1999).
    """
    found = develop(known, tail)
    if len(found.factors) < 2:
        raise InputError(f"Mack's error needs a triangle of at least 3 ages; this one has {len(found.factors) + 1}")
    sigma2 = _sigma2(known, found.factors)
    weight = np.nansum(np.where(np.isnan(known.cumulative[:, 1:]), np.nan, known.cumulative[:, :-1]), axis=0)
    factor_var = sigma2 / weight
    factors, completed = found.factors, found.completed
    if tail > 1:
        sigma_tail = _at_tail(factors, np.sqrt(sigma2), tail) if tail_sigma is None else tail_sigma
        se_tail = _at_tail(factors, np.sqrt(factor_var), tail) if tail_se is None else tail_se
        factors, completed = np.append(factors, tail), np.column_stack([completed, found.ultimates])
        sigma2, factor_var = np.append(sigma2, sigma_tail**2), np.append(factor_var, se_tail**2)

    process = np.zeros(len(completed))
    both = np.zeros(len(completed))
    total = 0.0
    for age, factor in enumerate(factors):
        ahead = known.latest_age <= age
        here = np.where(ahead, completed[:, age], 0.0)
        own = here * sigma2[age]
        process = np.where(ahead, factor**2 * process + own, process)
        both = np.where(ahead, factor**2 * both + own + here**2 * factor_var[age], both)
        total = factor**2 * total + own.sum() + here.sum() ** 2 * factor_var[age]
    return Mack(found, np.sqrt(sigma2), np.sqrt(factor_var), np.sqrt(both), np.sqrt(process), float(np.sqrt(total)))


def _sigma2(known: Triangle, factors: Floats) -> Floats:
    """(ages - 1,) squared deviation parameters (Mack 1993)."""
    now, then = known.cumulative[:, :-1], known.cumulative[:, 1:]
    used = ~np.isnan(then) & (now > 0)
    safe = np.where(used, now, 1.0)
    squares = np.where(used, safe * (np.where(used, then, 0.0) / safe - factors) ** 2, 0.0).sum(axis=0)
    free = used.sum(axis=0) - 1
    found = np.where(free > 0, squares / np.maximum(free, 1), np.nan)
    for age in np.flatnonzero(np.isnan(found)):
        if age >= 2:
            before, last = found[age - 2], found[age - 1]
            found[age] = min(last**2 / before if before > 0 else 0.0, before, last)
        else:
            found[age] = found[age - 1] if age else 0.0
    return np.asarray(found, np.float64)


def _at_tail(factors: Floats, values: Floats, tail: float) -> float:
    """The log-linear trend of `values` over the ages, at the age where the trend of the factors reaches the tail factor."""
    usable = np.flatnonzero((factors > 1) & (values > 0))
    if len(usable) < 2:
        return float(values[-1])
    slope, start = np.polyfit(usable, np.log(factors[usable] - 1), 1)
    if slope >= 0:
        return float(values[-1])
    age = (np.log(tail - 1) - start) / slope
    trend, level = np.polyfit(usable, np.log(values[usable]), 1)
    return float(np.exp(level + trend * age))
