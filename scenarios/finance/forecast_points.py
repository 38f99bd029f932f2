"""The points of a forecast as ledgers by month and tier of earning, and what share of them is redeemed in the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenarios.finance.forecast_document import Cohorts
from scenarios.finance.points import PointsLedger, ledger
from sim.typing import Array, Floats, Ints


def ledger_of(cohorts: Cohorts, k: int) -> PointsLedger:
    """All points of replication `k`, pending ones included: a cohort begins with its month of earning."""
    months = len(cohorts.months)
    earned = np.arange(months - len(cohorts.earned), months)
    issued = cohorts.opening + cohorts.issued[k].sum(axis=1)
    return ledger(earned, issued, cohorts.redeemed[k], cohorts.expired[k], cohorts.clawed_back[k])


def cut(points: PointsLedger, kept: Array, window: int) -> PointsLedger:
    """The cohorts `kept`, over the first `window` months."""
    flows = (points.redeemed, points.expired, points.clawed_back)
    return ledger(points.earned[kept], points.issued[kept], *(flow[kept, :window] for flow in flows))


@dataclass(frozen=True)
class Rates:
    """What share of the points is redeemed, all replications together; shares are of points that are not clawed back."""

    by_run: Floats
    """(replications, cohorts) within the forecast, of each of them, all tiers"""
    mean: Floats
    """(cohorts, tiers) in the end: within the forecast and as completed"""
    completed: Floats
    """(cohorts,) the part of the mean that lies after the forecast, all tiers"""
    to_come: Floats
    """(cohorts, months, tiers) of the points outstanding at a month end and not clawed back later, redeemed later"""


def rates_of(everything: list[PointsLedger]) -> Rates:
    """Rates of the ledgers of all replications.

    A cohort that the end of the forecast cuts off is completed with the shares that older cohorts of the tier redeem at the ages
    it has not reached (the additive method), as far as points are left; an age that no cohort has reached counts nothing.
    """
    earned, months = everything[0].earned, everything[0].months
    issued = np.sum([_standing(p) for p in everything], axis=0)
    redeemed = np.sum([p.redeemed for p in everything], axis=0)
    left = np.sum([p.outstanding() for p in everything], axis=0)
    by_age = np.zeros((months + 1, issued.shape[1]))
    for age in range(months):
        seen = np.flatnonzero((earned >= 0) & (earned + age < months))
        by_age[age] = redeemed[seen, earned[seen] + age].sum(axis=0) / np.maximum(issued[seen].sum(axis=0), 1)
    after = by_age[::-1].cumsum(axis=0)[::-1]  # from an age on
    ages = np.where(earned >= 0, months - earned, months)
    completed = np.minimum(after[ages], left[:, -1] / np.maximum(issued, 1))
    later = _after(redeemed) + (completed * issued)[:, None]
    kept = left - _after(np.sum([p.clawed_back for p in everything], axis=0))
    each = [(p.redeemed.sum(axis=(1, 2)), _standing(p).sum(axis=1)) for p in everything]
    return Rates(
        by_run=np.stack([told / np.maximum(of, 1) for told, of in each]),
        mean=redeemed.sum(axis=1) / np.maximum(issued, 1) + completed,
        completed=(completed * issued).sum(axis=1) / np.maximum(issued.sum(axis=1), 1),
        to_come=np.minimum(1.0, later / np.maximum(kept, 1)),
    )


def _standing(points: PointsLedger) -> Ints:
    """(cohorts, tiers) points issued and not clawed back within the forecast."""
    return np.asarray(points.issued - points.clawed_back.sum(axis=1))


def _after(flow: Ints) -> Ints:
    """(cohorts, months, tiers) what of a flow by month comes after each month end."""
    return np.asarray(flow[:, ::-1].cumsum(axis=1)[:, ::-1] - flow)
