"""A forecast of what a programme costs, as data: what the workbook, the report and the liability are built on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from scenarios.finance.budget import BudgetAtRisk
from scenarios.quantiles import Bound, by_cause, prediction_quantile
from sim.tally import COST_LINES
from sim.typing import Floats, Ints

LINES: tuple[str, ...] = (
    *COST_LINES,
    "benefit_cost",
    "fixed_cost",
    "points_earned_at_expected_cost",
    "gross_sales",
    "returned_sales",
    "refunds",
    "net_sales",
    "gross_margin",
    "fee_income",
    "net_margin",
    "incremental_margin",
)
"""Lines of a forecast, all in currency units a month, in the order of Forecast.values."""

DEFINITIONS: dict[str, str] = {
    "benefit_cost": "sum of the cost lines",
    "fixed_cost": "set-up, running and catalogue cost of the programme",
    "points_earned_at_expected_cost": "points issued x economics.cost_per_point; a memo line, in no total",
    "gross_sales": "list value of purchases, those returned later included",
    "returned_sales": "list value of purchases returned in the month; discounts and coupons on them are in no line any more",
    "refunds": "given back for them",
    "net_sales": "paid for purchases, after every discount, coupon and voucher, less refunds",
    "gross_margin": "economics.gross_margin x (gross sales less returned sales), before any benefit",
    "fee_income": "membership fees paid on joining and at renewals; in net margin and in no sales",
    "net_margin": "gross margin and fee income less benefit cost less fixed cost",
    "incremental_margin": ("net margin less the gross margin of the same members with the same luck had there been no programme"),
}
"""What the lines beyond sim.tally.COST_LINES (whose words are in sim.tally.TALLIES) mean."""

POINT_FLOWS = ("points_issued", "points_redeemed", "points_expired", "points_clawed_back")
POINT_LEVELS = ("points_outstanding", "points_pending", "points_owed")
POINT_LINES: tuple[str, ...] = (*POINT_FLOWS, *POINT_LEVELS)
"""Lines of Forecast.point_values, in whole points; POINT_LEVELS are at month end, outstanding with the pending ones. What a
member owes after a return is not taken off what others hold; it counts as clawed back when it is repaid."""

EITHER_SIGN = ("net_margin", "incremental_margin")
"""Lines that can be below 0 as well as above; partner recoveries are never above it, and all others never below, but for a month
in which more is returned than bought"""

SPREAD = ("p10", "p50", "p90", "mean", "luck_sd", "parameter_sd")
"""Columns that describe the replications: quantiles and mean over luck and parameters together; standard deviation from
luck alone (parameters at their means); the further standard deviation from not knowing the parameters. The last two are
NaN where one replication shows no spread."""


@dataclass(frozen=True)
class Cohorts:
    """Points by the month and the tier in which they were earned, of every replication; whole.

    opening + issued - redeemed - expired - clawed back, summed over months, is what is left of a cohort. Points are spent first
    in, first out, by the month in which they became spendable (scenarios.finance.earning says how that is told by month of
    earning); of those of one month, the ones earned at the lowest tier go first.
    """

    earned: list[dt.date]
    """(cohorts,) last day of the cohort's month, ascending; from before the start, of the month in which the points became
    spendable, or of the last one where they are pending at the start"""
    months: list[dt.date]
    """(months,) last day of each month of the forecast"""
    opening: Ints
    """(cohorts, tiers) points open at the start, pending ones included; 0 without a snapshot"""
    issued: Ints
    """(replications, cohorts, months, tiers)"""
    redeemed: Ints
    """(replications, cohorts, months, tiers)"""
    expired: Ints
    """(replications, cohorts, months, tiers)"""
    clawed_back: Ints
    """(replications, cohorts, months, tiers) of lots still open, and of those that repay what is owed"""

    def outstanding(self) -> Ints:
        """(replications, cohorts, months, tiers) points open at each month end."""
        moves = self.issued - self.redeemed - self.expired - self.clawed_back
        return np.asarray(self.opening[None, :, None] + moves.cumsum(axis=2))


@dataclass(frozen=True)
class TierPoints:
    """Points by tier of every replication; whole points.

    Members take their points along when they move: moved = closing - opening - issued + redeemed + expired + clawed back,
    which adds to 0 over the tiers in every month.
    """

    names: list[str]
    """(tiers,) lowest first"""
    opening: Ints
    """(tiers,) outstanding at the start"""
    issued: Ints
    """(replications, tiers, months), at the tier before the purchase; Cohorts has them at the tier that the purchase leads to"""
    redeemed: Ints
    """(replications, tiers, months)"""
    expired: Ints
    """(replications, tiers, months)"""
    clawed_back: Ints
    """(replications, tiers, months)"""
    closing: Ints
    """(replications, tiers, months) outstanding at month end, pending included"""

    def moved(self) -> Ints:
        """(replications, tiers, months) points that came with members from other tiers, less those that left so."""
        before = np.concatenate([np.broadcast_to(self.opening[None, :, None], (*self.closing.shape[:2], 1)),
                                 self.closing[:, :, :-1]], axis=2)  # fmt: skip
        return np.asarray(self.closing - before - self.issued + self.redeemed + self.expired + self.clawed_back)


@dataclass(frozen=True)
class Assumption:
    """One number that the forecast rests on."""

    name: str
    value: str
    unit: str
    source: str


@dataclass(frozen=True)
class Forecast:
    """Monthly cost, sales, margin and points of a programme, with how wrong they can be."""

    name: str
    """of the scenario"""
    currency: str
    members: int
    """simulated members at the start"""
    months: list[dt.date]
    """(months,) last day of each month"""
    lines: pd.DataFrame
    """month, line, then SPREAD: one row a month and line of LINES, currency units"""
    totals: pd.DataFrame
    """line, then SPREAD: LINES over the whole period, and cost_share = (benefit + fixed cost) / gross sales,
    whose mean is mean cost / mean sales"""
    cost_share: pd.DataFrame
    """month, then SPREAD: (benefit + fixed cost) / gross sales"""
    present_value: pd.DataFrame
    """line, then SPREAD: LINES discounted to the start at economics.discount_rate, a month's amount at its end"""
    points: pd.DataFrame
    """month, line, then SPREAD: one row a month and line of POINT_LINES, whole points"""
    values: Floats
    """(replications, months, lines) of LINES, luck and parameters together"""
    luck_values: Floats
    """(replications of luck alone, months, lines) of LINES, parameters at their means; none where replications is 1"""
    point_values: Ints
    """(replications, months, point lines) of POINT_LINES"""
    cohorts: Cohorts
    tiers: TierPoints
    peak_month: dt.date
    """month with the highest mean cost (benefit and fixed)"""
    budget: BudgetAtRisk | None
    """cost (benefit and fixed) against the budget, where one was given; months counted from 0"""
    provenance: dict[str, Any]
    """version, seed, members, replications, digests, start, end, snapshot"""
    assumptions: list[Assumption]
    shocked: bool = False
    """whether the population states shocks to all members at once, which more members do not average out"""
    notes: list[str] = field(default_factory=list)
    """what was done about input that did not add up, and what the forecast leaves out; sentences"""
    longer: Forecast | None = None
    """the same replications over more months, where they were simulated"""

    @property
    def outstanding(self) -> Ints:
        """(replications, months) points outstanding at month end, pending included."""
        return np.asarray(self.point_values[:, :, POINT_LINES.index("points_outstanding")])

    @property
    def pending(self) -> Ints:
        """(replications, months) of those, the points that cannot be spent yet."""
        return np.asarray(self.point_values[:, :, POINT_LINES.index("points_pending")])

    def of(self, line: str) -> Floats:
        """(replications, months) of one of LINES."""
        return np.asarray(self.values[:, :, LINES.index(line)])


def limits(lines: Sequence[str]) -> tuple[Floats, Floats]:
    """(lines,) the least and the most that each of LINES or POINT_LINES can be; infinite where there is no such bound."""
    least = [-np.inf if line in (*EITHER_SIGN, "partner_recoveries") else 0.0 for line in lines]
    most = [0.0 if line == "partner_recoveries" else np.inf for line in lines]
    return np.array(least), np.array(most)


def spread_of(values: Floats, luck: Floats, low: Bound = -np.inf, high: Bound = np.inf) -> Floats:
    """(..., 6) SPREAD of replications.

    values: (replications, ...) luck and parameters together; luck: (fewer replications, ...), the first of them with the
    parameters at their means.
    low, high: what they cannot lie beyond. P10 and P90 are set so that a further replication falls between them with a chance
    of 80 %: see scenarios.quantiles; NaN of one.
    """
    n = len(values)
    p50, mean = np.median(values, axis=0), values.mean(axis=0)
    nothing = np.full_like(mean, np.nan)
    if n < 2:
        return np.stack([nothing, p50, nothing, mean, nothing, nothing], axis=-1)
    p10, p90 = (prediction_quantile(values, level, low, high) for level in (0.1, 0.9))
    return np.stack([p10, p50, p90, mean, *by_cause(values, luck)], axis=-1)


def tidy(values: Floats, months: list[dt.date], names: Sequence[str]) -> pd.DataFrame:
    """month, line, then SPREAD: a row a month and line, of (months, lines, 6) values."""
    keys = pd.MultiIndex.from_product([months, names], names=["month", "line"]).to_frame(index=False)
    return pd.concat([keys, pd.DataFrame(values.reshape(-1, len(SPREAD)), columns=list(SPREAD))], axis=1)
