"""What is owed for points, month by month, from the simulation: its cohorts carried through the accounts.

The accounts are those of scenarios.finance.roll_forward; the redemption rates of the cohorts come from the simulation itself.
Every replication has books of its own, which balance to the minor unit and tie to its points ledger to the last point.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd

from scenarios.finance.forecast_document import POINT_FLOWS, Cohorts, Forecast, spread_of
from scenarios.finance.forecast_points import Rates, cut, ledger_of, rates_of
from scenarios.finance.points import PointsLedger, expected_points
from scenarios.finance.roll_forward import LINES, Books, Breakage, Contracts, RollForward, roll_forward
from scenarios.finance.rounding import Exact, Number, Rule, divide, exact, exact_array, largest_remainder
from scenarios.numerals import money
from sim.errors import InputError
from sim.typing import Array, Floats, Ints

COLUMNS = ("p10", "p50", "p90", "mean")


@dataclass(frozen=True)
class Liability:
    """Deferred revenue for points, with what the simulation says about the redemption of each cohort."""

    name: str
    """of the scenario"""
    currency: str
    value: Fraction
    """of a redeemed point, minor units"""
    months: list[dt.date]
    """(months,) last day of each month"""
    lines: pd.DataFrame
    """month, line of scenarios.finance.roll_forward.LINES, then COLUMNS over the replications; currency units"""
    rates: pd.DataFrame
    """one row a cohort: earned (last day of its month), before (True: points open at the start, whose rate is that of a balance
    and not of a cohort), points (issued, or open at the start; mean), COLUMNS of the ultimate redemption rate, completed (the
    part of the mean rate that lies after the simulated period)"""
    rolls: list[RollForward]
    """the books of each replication; cohorts as in `rates`, by tier of earning"""
    expected: list[Ints]
    """points expected ever to be redeemed as each of them sees it at month ends, (cohorts, months, tiers)"""
    chance: Exact
    """(cohorts, tiers) of redemption, as expected at inception"""
    middle: int
    """the replication whose last closing balance is the median one, for tables that need whole books"""
    notes: list[str]

    @property
    def closing(self) -> Ints:
        """(replications, months) deferred revenue at month end, minor units."""
        return np.stack([roll.total()["closing"] for roll in self.rolls])

    def differences(self, forecast: Forecast) -> dict[str, int]:
        """Largest difference of every identity over all replications, ties to the forecast's points included; all are 0."""
        found: dict[str, int] = {}
        for k, roll in enumerate(self.rolls):
            checks = roll.differences()
            held = roll.points.outstanding().sum(axis=(0, 2))
            checks["books hold the points of the forecast"] = _largest(held - forecast.outstanding[k, : len(self.months)])
            moves = roll.points.movements()
            for column, line in enumerate(POINT_FLOWS):
                moved = moves[line.removeprefix("points_")].sum(axis=1)
                told = forecast.point_values[k, : len(self.months), column]
                checks[f"{line.replace('_', ' ')} as in the forecast"] = _largest(moved - told)
            for name, difference in checks.items():
                found[name] = max(found.get(name, 0), difference)
        return found


def liability(
    forecast: Forecast, *, value: Number, months: int | None = None, probability: Number | None = None,
    opening: Ints | int | None = None, breakage: Breakage = "proportional", rule: Rule = "half_up",
) -> Liability:  # fmt: skip
    """Deferred revenue of the points of a forecast.

    value: what a redeemed point is worth to the member, minor units, exact (text such as "0.8" or a fraction); months: of the
    books, the first of the forecast's; the later ones only tell how the points end, so make the forecast as much longer as points
    live; probability: of redemption at inception, the same for all cohorts; default: the simulated rate of each; opening: minor
    units deferred at the start for the points that members start with, as in the closing books of the period before: (past
    cohorts, tiers), or their sum, which is split in proportion to the default: those points at the share of a sale that the first
    month's points get, over all replications.

    The transaction price of a cohort are the net sales of its month before refunds: what is clawed back takes its part along.
    What is expected at a month end is what was redeemed in this course of events, and of the points outstanding the share that
    all replications together still redeem of those that are not clawed back; where it redeemed more or less than they, the books
    show a change of estimate. The rate of a cohort that the end of the forecast cuts off is completed with the shares that older
    cohorts redeem at the ages it has not reached (scenarios.finance.forecast_points.rates_of). A stated `probability` is the
    expectation of every month end too.

    Raises InputError for a value that is not positive, or months beyond the forecast.
    """
    window = len(forecast.months) if months is None else months
    if not 1 <= window <= len(forecast.months):
        raise InputError(f"months: found {window}, the forecast has {len(forecast.months)}")
    if exact(value) <= 0:
        raise InputError(f"value: found {value}, a redeemed point is worth more than 0 minor units")
    everything = [ledger_of(forecast.cohorts, k) for k in range(len(forecast.values))]
    rates = rates_of(everything)
    kept = everything[0].earned < window
    cell = everything[0].issued[kept].shape
    chance = exact_array(np.round(rates.mean[kept], 6) if probability is None else exact(probability), cell)
    to_come = rates.to_come[kept, :window]
    deferred = _opening(forecast, everything, kept, exact(value) * chance, opening, rule)
    rolls, expectations = [], []
    for k, points in enumerate(everything):
        books = cut(points, kept, window)
        sales = _sales(forecast, k, books, exact(value) * chance)
        contracts = Contracts(sales=sales, value=exact(value), probability=chance)
        if probability is None:
            expected = books.redeemed_so_far() + np.rint(books.outstanding() * to_come).astype(np.int64)
        else:
            expected = expected_points(np.broadcast_to(chance[:, None], books.redeemed.shape), books)
        start = _opening_books(books, deferred, chance)
        rolls.append(roll_forward(books, contracts, expected, breakage=breakage, rule=rule, opening=start))
        expectations.append(expected)
    closing = np.array([roll.total()["closing"][-1] for roll in rolls])
    return Liability(
        name=forecast.name,
        currency=forecast.currency,
        value=exact(value),
        months=forecast.months[:window],
        lines=_lines(rolls, forecast.months[:window]),
        rates=_rate_table(forecast.cohorts, everything, rates, kept),
        rolls=rolls,
        expected=expectations,
        chance=chance,
        middle=int(np.argsort(closing, kind="stable")[len(closing) // 2]),
        notes=_notes(forecast, opening),
    )


def _sales(forecast: Forecast, k: int, points: PointsLedger, price: Exact) -> Ints:
    """(cohorts, tiers) sales of the month of earning, refunds not yet taken off, minor units; 0 for cohorts from before. The
    month's sales are split in proportion to the stand-alone price of the points earned at each tier (`price`: of one)."""
    net = np.rint((forecast.of("net_sales")[k] + forecast.of("refunds")[k]) * 100).astype(np.int64)
    found = np.zeros(points.issued.shape, np.int64)
    for c in np.flatnonzero(points.earned >= 0):
        worth = points.issued[c].astype(object) * price[c]
        sale, whole = int(net[points.earned[c]]), sum(worth)
        found[c] = largest_remainder([sale * x / whole for x in worth], sale) if whole else [sale, *[0] * (len(worth) - 1)]
    return found


def _opening(
    forecast: Forecast, everything: list[PointsLedger], kept: Array, price: Exact, opening: Ints | int | None, rule: Rule
) -> Ints:  # fmt: skip
    """(cohorts, tiers) minor units deferred at the start, the same in every course of events; price: stand-alone price of a
    point."""
    earned = everything[0].earned[kept]
    before = earned < 0
    points = np.stack([p.issued[kept] for p in everything])
    found = np.zeros(points.shape[1:], np.int64)
    if opening is not None and not isinstance(opening, int):
        given, cell = np.asarray(opening), found[before].shape
        if given.shape != cell:
            raise InputError(f"opening: found {given.shape} cohorts and tiers, members start with points of {cell}")
        found[before] = given
    elif before.any():
        first = int(np.flatnonzero(earned == 0)[0])
        sale = int(np.rint((forecast.of("net_sales") + forecast.of("refunds"))[:, 0] * 100).sum())
        worth = sum(int(n) * x for n, x in zip(points[:, first].sum(axis=0), price[first], strict=True))
        part = worth / (sale + worth) if sale + worth else exact(0)
        default = (points[0].astype(object) * price)[before] * (1 - part)
        whole = default.sum()
        if opening is not None and whole:
            found[before] = np.reshape(largest_remainder([x * opening / whole for x in default.flat], opening), default.shape)
        else:
            found[before] = divide(default, 1, rule)
    if isinstance(opening, int) and opening != found.sum():
        raise InputError(f"opening: found {money(opening / 100, digits=2)}, but members start with no points that could carry it")
    return found


def _opening_books(points: PointsLedger, deferred: Ints, chance: Exact) -> Books | None:
    """Books at the start, for the points that members start with; None without any such cohort."""
    before = points.earned < 0
    if not before.any():
        return None
    expected = np.where(before[:, None], points.issued.astype(object) * chance, 0)
    return Books(deferred.astype(object), np.full(deferred.shape, 0, dtype=object), expected)


def _lines(rolls: list[RollForward], months: list[dt.date]) -> pd.DataFrame:
    totals = [roll.total() for roll in rolls]
    parts = []
    for name in LINES:
        low = -np.inf if name == "change_of_estimate" else 0.0
        found = _columns(np.stack([total[name] for total in totals]) / 100.0, low)
        frame = pd.DataFrame(found, columns=list(COLUMNS))
        parts.append(pd.concat([pd.DataFrame({"month": months, "line": name}), frame], axis=1))
    return pd.concat(parts).sort_values("month", kind="stable", ignore_index=True)


def _columns(values: Floats, low: float, high: float = np.inf) -> Floats:
    """(..., 4) COLUMNS of (replications, ...) that cannot lie beyond low and high."""
    return spread_of(values, values[:0], low, high)[..., :4]


def _rate_table(
    cohorts: Cohorts, everything: list[PointsLedger], rates: Rates, kept: Array
) -> pd.DataFrame:
    found = pd.DataFrame(_columns(rates.by_run + rates.completed, 0.0, 1.0), columns=list(COLUMNS))
    points = np.mean([p.issued.sum(axis=1) for p in everything], axis=0)
    left = pd.DataFrame({"earned": cohorts.earned, "before": everything[0].earned < 0, "points": points})
    table = pd.concat([left, found], axis=1).assign(completed=rates.completed)
    return table[kept].reset_index(drop=True)


def _notes(forecast: Forecast, opening: Ints | int | None) -> list[str]:
    found = list(forecast.notes)
    if forecast.cohorts.opening.any() and opening is None:
        found.append(
            "No deferred revenue of the period before was given: the points that members start with are carried at what a sale "
            "of the first month allocates to a point."
        )
    if forecast.pending.any():
        found.append(
            "Points enter the books with the sale that they are earned by, those that cannot be spent yet included. Points that "
            "become spendable in one month are alike: of what is redeemed, lapses or is clawed back, each month of earning bears "
            "a part in proportion to what it has open."
        )
    if forecast.cohorts.opening.shape[1] > 1:
        found.append(
            "The books keep points by the tier at which they were earned. Of the points of one month those of the lowest tier "
            "are spent first; the month's sales are split over tiers in proportion to the stand-alone price of their points."
        )
    return found


def _largest(difference: Ints) -> int:
    return int(np.abs(difference).max(initial=0))


__all__ = ["COLUMNS", "Liability", "liability"]
