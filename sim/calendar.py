"""Days and months of a run, and operational time, in which the baseline stream of every member is stationary."""

from __future__ import annotations

import datetime as dt

import numpy as np

from sim.member import NEVER
from sim.population import WEEKS, Population, week_of_year
from sim.programme import Programme
from sim.setting import Horizon, month_start
from sim.shocks import common_factors
from sim.typing import Array, Floats, Ints

DAY = np.dtype(
    [
        ("op", "f8"),  # operational time at the start of the day
        ("speed", "f8"),  # operational days in the day: season x growth x shocks
        ("dear", "f8"),  # list values, against those of the first run's first day without shocks
        ("month", "i8"),
        ("calendar", "i8"),  # bit k: the day is one of calendar incentive k
        ("eve", "i8"),  # the same for the day before
        ("valid", "i8"),  # bit k: incentive k is valid on the day
        ("block_end", "f8"),  # end of the qualification window, NEVER where it has none
    ]
)

MONTH = np.dtype(
    [
        ("start", "f8"),
        ("end", "f8"),
        ("number", "i8"),  # 1 .. 12
        ("quarter", "i8"),  # counted through the years
        ("year", "i8"),
        ("review", "i8"),  # tiers are reviewed at its end
        ("block_ends", "i8"),  # a calendar qualification window closes with it
        ("since_refresh", "f8"),  # months since the catalogue of rewards was refreshed
        ("wear", "f8"),  # share of its appeal that is left
        ("first_call", "i8"), ("last_call", "i8"),  # its calls: from this one to before that
        ("lot", "i8"),  # where its points lie among the lots
        ("slot", "i8"),  # where its figures lie in a rolling qualification window
    ]
)


class Calendar:
    """Tables of the calendar of one run. Day 0 is the first day; times are days; a month ends where the next begins.

    origin: first day of the first run, where this run goes on with another: windows and reviews are counted from its January;
    level_days: days for which growth and inflation have already run at the start; inflation: relative change of list prices per
    year; seed: of the shocks, if the population states any.
    """

    def __init__(
        self, horizon: Horizon, population: Population, programme: Programme, *, origin: dt.date | None = None,
        level_days: float = 0.0, inflation: float = 0.0, seed: int = 0,
    ) -> None:  # fmt: skip
        self.start = horizon.start
        self.origin = origin or horizon.start
        beyond = _months_beyond(programme)
        edges = [month_start(horizon.start, k) for k in range(horizon.months + beyond + 1)]
        starts = np.array([(edge - horizon.start).days for edge in edges], dtype=float)
        everything = self._months(programme, edges, starts)
        self.starts: Floats = starts
        self.months = everything[: horizon.months].copy()
        self.end = float(self.months["end"][-1])
        self.days = self._days(population, programme, everything, level_days, inflation, seed)
        if origin:
            self.days["eve"][0] = _calendar_bits([self.start - dt.timedelta(days=1)], programme)[0]
        self.steady = bool((self.days["speed"] == 1.0).all())
        self.op_end = float(self.days["op"][-1])
        whole = np.arange(int(self.op_end) + 2, dtype=float)
        found = np.searchsorted(self.days["op"], whole, side="right") - 1
        self.day_of_op: Ints = np.clip(found, 0, int(self.end) - 1).astype(np.int64)

    def before(self, days_of_month: list[int], days: int) -> Ints:
        """Days of the run that lie so many days before one of the given days of a month."""
        dates = [self.start + dt.timedelta(days=d) for d in range(int(self.end) + 61)]
        found = np.array([d - days for d, date in enumerate(dates) if date.day in days_of_month], np.int64)
        return found[(found >= 0) & (found < self.end)]

    def day(self, date: dt.date) -> float:
        """Day number of a date."""
        return float((date - self.start).days)

    def _months(self, programme: Programme, edges: list[dt.date], starts: Floats) -> Array:
        q = programme.qualification
        found = np.zeros(len(edges) - 1, MONTH)
        for k, row in enumerate(found):
            first = edges[k]
            count = first.month + 12 * (first.year - self.origin.year)  # months from January of the first year
            row["start"], row["end"], row["number"] = starts[k], starts[k + 1], first.month
            row["quarter"], row["year"] = (count - 1) // 3, (count - 1) // 12
            row["review"] = count % q.review_every_months == 0
            row["block_ends"] = q.window == "calendar" and count % q.months == 0
            refresh = programme.catalogue_refresh_months
            age = count - self.origin.month  # months from the first run's start
            row["since_refresh"] = age % refresh if refresh else age
        return found

    def _days(
        self, population: Population, programme: Programme, everything: Array, level_days: float, inflation: float, seed: int
    ) -> Array:  # fmt: skip
        n = int(self.end)
        found = np.zeros(n + 1, DAY)
        dates = [self.start + dt.timedelta(days=d) for d in range(n + 1)]
        season = np.ones(WEEKS) if population.season is None else np.array(population.season)
        years = (np.arange(n + 1) + level_days) / 365.0
        found["speed"] = season[week_of_year(self.start, np.arange(n + 1))] * (1 + population.growth) ** years
        found["dear"] = (1 + inflation) ** years
        if population.shocks.stated():
            busy, dear = common_factors(population.shocks, seed, dates)
            found["speed"] *= busy
            found["dear"] *= dear
        found["op"][1:] = np.cumsum(found["speed"])[:-1]
        month = np.searchsorted(self.months["end"], np.arange(n + 1), side="right")
        found["month"] = np.minimum(month, len(self.months) - 1)
        rows = self.months[found["month"]]
        self.window_ends: Floats = np.full((n + 1, 4), NEVER)
        self.window_ends[:, 0] = rows["end"]
        for column, name in enumerate(("quarter", "year"), 1):
            last = {int(k): float(everything["end"][everything[name] == k].max()) for k in np.unique(rows[name])}
            self.window_ends[:, column] = [last[int(k)] for k in rows[name]]
        found["block_end"] = self._block_ends(programme, found["month"], everything)
        found["calendar"] = _calendar_bits(dates, programme)
        found["eve"][1:] = found["calendar"][:-1]
        return found

    def _block_ends(self, programme: Programme, month: Ints, everything: Array) -> Floats:
        window = programme.qualification.window
        if window == "cumulative":
            return np.full(len(month), NEVER)
        if window == "rolling":
            return np.asarray(self.months["end"][month])
        ends = np.where(everything["block_ends"] == 1, everything["end"], NEVER)
        nearest = np.minimum.accumulate(ends[::-1])[::-1]
        return np.asarray(nearest[month])


def _calendar_bits(dates: list[dt.date], programme: Programme) -> Ints:
    """(dates,) bit k: the date is one of calendar incentive k, which is valid on it."""
    found = np.zeros(len(dates), np.int64)
    for k, incentive in enumerate(programme.incentives):
        if incentive.when.event == "calendar":
            first, last = incentive.valid_from or dt.date.min, incentive.valid_until or dt.date.max
            on = np.array([date.day in incentive.when.days_of_month and first <= date <= last for date in dates])
            found |= on.astype(np.int64) << k
    return found


def _months_beyond(programme: Programme) -> int:
    """Months after the run that the calendar must know: for what members see coming (lapse of points, ends of windows,
    birthdays), so that a run that is cut short does not differ from a longer one before its end."""
    longest = max((reward.months for reward in programme.rewards), default=0)
    return 13 + max(13, programme.expiry.months + longest, programme.qualification.months)
