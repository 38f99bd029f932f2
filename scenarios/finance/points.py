"""The points ledger by earning cohort: what was issued is redeemed, expired, clawed back or outstanding, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from scenarios.finance.rounding import Exact, divide, exact_array
from sim.errors import InputError
from sim.typing import Ints


@dataclass(frozen=True)
class PointsLedger:
    """Points by cohort (month of earning), month and tier (in which they were earned). Built by `ledger`.

    A claw-back is charged to lots that are still open. What a refund claws back beyond the member's balance is a debt of the
    member; it is charged to the cohorts of the points that repay it, when they do.
    """

    earned: Ints
    """(cohorts,) month of earning, 0 the first month of the window; negative: earned before it"""
    issued: Ints
    """(cohorts, tiers)"""
    redeemed: Ints
    """(cohorts, months, tiers) in the month"""
    expired: Ints
    clawed_back: Ints
    before: Ints
    """(3, cohorts, tiers) redeemed, expired, clawed back before the window, of cohorts earned before it"""

    @property
    def months(self) -> int:
        """Months of the window."""
        return int(self.redeemed.shape[1])

    def outstanding(self) -> Ints:
        """(cohorts, months, tiers) at month end; 0 before the month of earning."""
        gone = self.before.sum(axis=0)[:, None] + (self.redeemed + self.expired + self.clawed_back).cumsum(axis=1)
        begun = self.earned[:, None] <= np.arange(self.months)
        return np.asarray(np.where(begun[:, :, None], self.issued[:, None] - gone, 0), np.int64)

    def redeemed_so_far(self) -> Ints:
        """(cohorts, months, tiers) points redeemed from inception to month end."""
        return np.asarray(self.before[0][:, None] + self.redeemed.cumsum(axis=1), np.int64)

    def movements(self) -> dict[str, Ints]:
        """Points opening, issued, redeemed, expired, clawed back and closing, each (months, tiers)."""
        closing = self.outstanding().sum(axis=0)
        opening_cohorts = (self.issued - self.before.sum(axis=0))[self.earned < 0].sum(axis=0)
        issued = np.zeros_like(closing)
        inside = self.earned >= 0
        np.add.at(issued, self.earned[inside], self.issued[inside])
        return {
            "opening": np.concatenate([opening_cohorts[None], closing[:-1]]),
            "issued": issued,
            "redeemed": self.redeemed.sum(axis=0),
            "expired": self.expired.sum(axis=0),
            "clawed_back": self.clawed_back.sum(axis=0),
            "closing": closing,
        }


def ledger(
    earned: ArrayLike,
    issued: ArrayLike,
    redeemed: ArrayLike,
    expired: ArrayLike | None = None,
    clawed_back: ArrayLike | None = None,
    before: ArrayLike | None = None,
) -> PointsLedger:
    """A points ledger from whole numbers, checked.

    earned: (cohorts,) month index; issued: (cohorts,) or (cohorts, tiers); redeemed, expired, clawed_back: (cohorts, months) or
    (cohorts, months, tiers) in each month, missing ones 0; before: (3, cohorts) or (3, cohorts, tiers) redeemed, expired and
    clawed back before month 0.

    Raises InputError where points are not whole or negative, a cohort moves before it was earned, or more points leave a cohort
    than were issued.
    """
    flows = _whole("redeemed", redeemed)
    if flows.ndim not in (2, 3) or not flows.size:
        raise InputError(f"redeemed points have shape {flows.shape}; allowed: (cohorts, months) or (cohorts, months, tiers)")
    tiered = flows.ndim == 3
    cohorts, months = flows.shape[:2]
    tiers = flows.shape[2] if tiered else 1
    shape = (cohorts, months, tiers)

    def taken(name: str, given: ArrayLike | None, full: tuple[int, ...]) -> Ints:
        if given is None:
            return np.zeros(full, np.int64)
        points = _whole(name, given)
        plain = full if tiered else full[:-1]
        if points.shape != plain:
            raise InputError(f"{name} points have shape {points.shape}; for redeemed points of {flows.shape} it must be {plain}")
        return points.reshape(full)

    start = np.asarray(earned)
    if start.shape != (cohorts,) or start.dtype.kind not in "iu":
        raise InputError(f"the months of earning must be {cohorts} whole numbers, one a cohort")
    found = PointsLedger(
        earned=start.astype(np.int64),
        issued=taken("issued", issued, (cohorts, tiers)),
        redeemed=flows.reshape(shape),
        expired=taken("expired", expired, shape),
        clawed_back=taken("clawed back", clawed_back, shape),
        before=taken("earlier", before, (3, cohorts, tiers)),
    )
    _check(found)
    return found


def expected_points(rate: ArrayLike, points: PointsLedger) -> Ints:
    """Whole points expected ever to be redeemed, from estimated ultimate redemption rates.

    rate: (cohorts, months) or (cohorts, months, tiers), of the points issued and not clawed back, as estimated at each month end.
    Rounded to whole points, and kept between those redeemed already and those redeemed plus those outstanding, since a rate
    estimated for a whole cohort can lie outside what its ledger still allows.
    """
    shape = points.redeemed.shape
    given = np.asarray(rate, dtype=object)
    if given.shape == shape[:2]:
        given = np.broadcast_to(given[:, :, None], shape)
    if given.shape != shape:
        raise InputError(f"redemption rates have shape {given.shape}; allowed: {shape[:2]} or {shape}")
    standing = points.issued[:, None] - points.before[2][:, None] - points.clawed_back.cumsum(axis=1)
    whole: Exact = divide(exact_array(given, shape) * standing.astype(object), 1)
    redeemed = points.redeemed_so_far()
    return np.asarray(np.clip(whole.astype(np.int64), redeemed, redeemed + points.outstanding()), np.int64)


def estimates_of(expected: ArrayLike, points: PointsLedger) -> Exact:
    """Estimates of points expected ever to be redeemed, at each month end, checked against the ledger: (cohorts, months, tiers).

    expected: the same shape, or (cohorts, months) where there is one tier; whole numbers or fractions, from redeemed to redeemed
    + outstanding from the month of earning on. Raises InputError where they are not.
    """
    shape = points.redeemed.shape
    given = np.asarray(expected)
    if given.dtype.kind not in "iuO":
        raise InputError("points expected to be redeemed are whole numbers or fractions; expected_points makes them from rates")
    if given.shape == shape[:2] and shape[2] == 1:
        given = given[:, :, None]
    if given.shape != shape:
        raise InputError(f"points expected to be redeemed have shape {given.shape}; for this ledger it must be {shape}")
    redeemed, outstanding = points.redeemed_so_far(), points.outstanding()
    begun = (points.earned[:, None] <= np.arange(points.months))[:, :, None]
    wrong = np.argwhere(begun & ((given < redeemed) | (given > redeemed + outstanding)))
    if len(wrong):
        c, m, k = wrong[0]
        raise InputError(
            f"cohort {c}, month {m}, tier {k}: {float(given[c, m, k]):g} points are expected ever to be redeemed, but "
            f"{redeemed[c, m, k]} are redeemed and {outstanding[c, m, k]} outstanding ({len(wrong)} such)"
        )
    return exact_array(given, shape) if given.dtype.kind == "O" else np.asarray(given.astype(object), dtype=object)


def _whole(name: str, given: ArrayLike) -> Ints:
    points = np.asarray(given)
    if points.dtype.kind not in "iu" or (points.size and points.min() < 0):
        raise InputError(f"{name} points must be whole numbers of 0 or more")
    return points.astype(np.int64)


def _check(points: PointsLedger) -> None:
    problems = []
    if (points.earned >= points.months).any():
        problems.append(f"a cohort is earned in month {points.earned.max()}, after the last month {points.months - 1}")
    early = np.arange(points.months) < points.earned[:, None]
    moved = (points.redeemed + points.expired + points.clawed_back).sum(axis=2) > 0
    for c, m in np.argwhere(early & moved)[:3]:
        problems.append(f"cohort {c} is earned in month {points.earned[c]}, but some of its points are gone in month {m}")
    for c in np.flatnonzero((points.earned >= 0) & (points.before.sum(axis=(0, 2)) > 0))[:3]:
        problems.append(f"cohort {c} is earned in month {points.earned[c]}, but has movements before month 0")
    left = points.issued - points.before.sum(axis=0) - (points.redeemed + points.expired + points.clawed_back).sum(axis=1)
    for c, k in np.argwhere(left < 0)[:3]:
        problems.append(
            f"cohort {c}, tier {k}: {points.issued[c, k]} points issued, but {points.issued[c, k] - left[c, k]} redeemed, "
            "expired or clawed back; charge a claw-back beyond a member's balance to the cohorts that repay it"
        )
    if problems:
        raise InputError(*problems)
