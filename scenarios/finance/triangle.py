"""Redemption by earning cohort and age, completed by development factors (the chain ladder).

Ages count from 0, the period of earning. The rate of a cohort and the rate of the balance are two things: what is outstanding is
what was not redeemed early, and far less of it ever will be. No function here multiplies a balance by a cohort's rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from scenarios.finance.points import PointsLedger
from sim.errors import InputError
from sim.typing import Floats, Ints


@dataclass(frozen=True)
class Triangle:
    """Cumulative points redeemed; cohorts oldest first. Built by `triangle` or `triangle_of`."""

    cumulative: Floats
    """(cohorts, ages), NaN where not yet known; each row is known from age 0 to its latest"""
    issued: Floats
    """(cohorts,) points issued, without those clawed back; NaN where not given"""

    @property
    def latest_age(self) -> Ints:
        """(cohorts,) last known age."""
        return np.asarray((~np.isnan(self.cumulative)).sum(axis=1) - 1, np.int64)

    @property
    def latest(self) -> Floats:
        """(cohorts,) points redeemed so far."""
        return np.asarray(self.cumulative[np.arange(len(self.cumulative)), self.latest_age])

    def earlier(self, diagonals: int) -> Triangle:
        """The triangle as it was known that many periods ago; cohorts not yet earned then are left out.

        Raises InputError where nothing is left.
        """
        ages = self.latest_age - diagonals
        kept = ages >= 0
        if not kept.any():
            raise InputError(f"a triangle of {self.cumulative.shape[1]} ages has nothing left {diagonals} periods earlier")
        known = np.arange(int(ages.max()) + 1) <= ages[kept, None]
        return Triangle(np.where(known, self.cumulative[kept, : int(ages.max()) + 1], np.nan), self.issued[kept])


@dataclass(frozen=True)
class Development:
    """A completed triangle. Rates are of points issued; those of the outstanding balance are named so."""

    triangle: Triangle
    factors: Floats
    """(ages - 1,) from each age to the next"""
    tail: float
    """from the last age to ultimate"""
    completed: Floats
    """(cohorts, ages) cumulative, known and projected"""
    ultimates: Floats
    """(cohorts,) points redeemed in the end"""

    @property
    def to_come(self) -> Floats:
        """(cohorts,) points of the outstanding balance that will be redeemed."""
        return np.asarray(self.ultimates - self.triangle.latest)

    @property
    def rates(self) -> Floats:
        """(cohorts,) ultimate redemption rate by earning cohort."""
        return np.asarray(self.ultimates / self.triangle.issued)

    @property
    def aggregate_rate(self) -> float:
        """Ultimate redemptions of all cohorts / points issued to them."""
        return float(self.ultimates.sum() / self.triangle.issued.sum())

    def outstanding(self, expired: ArrayLike = 0.0) -> Floats:
        """(cohorts,) points issued and neither redeemed nor expired."""
        return np.asarray(self.triangle.issued - self.triangle.latest - np.asarray(expired, np.float64), np.float64)

    def outstanding_rate(self, expired: ArrayLike = 0.0) -> float:
        """Share of the outstanding balance that will be redeemed; not aggregate_rate, which counts redeemed points too."""
        return float(self.to_come.sum() / self.outstanding(expired).sum())


def triangle(rows: Sequence[Sequence[float]], issued: Sequence[float] | None = None) -> Triangle:
    """A triangle from cumulative rows, one a cohort, oldest first, each as long as it is known.

    Raises InputError where a row is empty, negative, not finite or known for longer than an older one, or redeems more points
    than were issued.
    """
    if not rows or any(not len(row) for row in rows):
        raise InputError("a triangle needs at least one cohort, and a number at age 0 for each")
    cumulative = np.full((len(rows), max(map(len, rows))), np.nan)
    for c, row in enumerate(rows):
        cumulative[c, : len(row)] = row
        if not np.all(np.isfinite(np.asarray(row, np.float64))) or min(row) < 0:
            raise InputError(f"cohort {c} of the triangle has points that are missing, infinite or negative")
        if c and len(row) > len(rows[c - 1]):
            raise InputError(f"cohort {c} is known for {len(row)} ages, longer than the older cohort {c - 1}: order oldest first")
    points = np.full(len(rows), np.nan) if issued is None else np.asarray(issued, np.float64)
    if points.shape != (len(rows),):
        raise InputError(f"the triangle has {len(rows)} cohorts, but points issued are given for {points.size}")
    made = Triangle(cumulative, points)
    over = np.flatnonzero(made.latest > points)
    if len(over):
        c = over[0]
        raise InputError(f"cohort {c} has {made.latest[c]:g} points redeemed of {points[c]:g} issued")
    return made


def triangle_of(points: PointsLedger, month: int | None = None) -> Triangle:
    """The triangle of all tiers together as it stands at the end of a month (default: the last), one age a month.

    Cohorts earned before the window are left out, their early ages being unknown, and so are those without points. Raises
    InputError where no cohort is left.
    """
    last = points.months - 1 if month is None else month
    order = np.argsort(points.earned, kind="stable")
    issued = points.issued.sum(axis=1) - points.clawed_back[:, : last + 1].sum(axis=(1, 2))
    kept = [c for c in order if 0 <= points.earned[c] <= last and issued[c] > 0]
    if not kept:
        raise InputError(f"no cohort with points is earned from month 0 to month {last}")
    redeemed = points.redeemed.sum(axis=2).cumsum(axis=1)
    return triangle([redeemed[c, points.earned[c] : last + 1].tolist() for c in kept], [float(issued[c]) for c in kept])


def development_factors(known: Triangle) -> Floats:
    """(ages - 1,) volume-weighted: sum of cumulative points at the next age / at this age, of cohorts known at both.

    Raises InputError where nothing was redeemed by some age: a factor from nothing does not exist.
    Source: Mack (1993).
    """
    now, then = known.cumulative[:, :-1], known.cumulative[:, 1:]
    both = ~np.isnan(then)
    below = np.where(both, now, 0.0).sum(axis=0)
    if (below <= 0).any():
        raise InputError(
            f"no cohort has redeemed anything by age {int(np.flatnonzero(below <= 0)[0])}, so chain ladder has nothing to "
            "develop; use longer periods, or a curve, which starts from the points issued"
        )
    return np.asarray(np.where(both, then, 0.0).sum(axis=0) / below)


def develop(known: Triangle, tail: float = 1.0) -> Development:
    """Complete a triangle by development factors, and by a tail factor beyond its last age (1: nothing more is redeemed).

    An ultimate above the points issued is left as it is: it says that this method does not fit.
    """
    if not tail >= 1:
        raise InputError(f"the tail factor is {tail:g}; 1 or more is allowed")
    factors = development_factors(known)
    completed = known.cumulative.copy()
    for age, factor in enumerate(factors):
        missing = np.isnan(completed[:, age + 1])
        completed[missing, age + 1] = completed[missing, age] * factor
    return Development(known, factors, tail, completed, completed[:, -1] * tail)


def extrapolated_tail(factors: Floats, ages: int = 100) -> float:
    """A tail factor: ln(factor - 1) carried on along a straight line for so many ages.

    1 where fewer than two factors exceed 1, or the line does not fall. Points that expire earlier need no such tail.
    Source: Mack (1999) on tail factors; the log-linear extrapolation is common practice.
    """
    age = np.flatnonzero(factors > 1)
    if len(age) < 2:
        return 1.0
    slope, start = np.polyfit(age, np.log(factors[age] - 1), 1)
    if slope >= 0:
        return 1.0
    beyond = np.arange(len(factors), len(factors) + ages)
    return float(np.prod(1 + np.exp(start + slope * beyond)))
