"""Days and months of a run, and operational time, in which the baseline stream of every member is stationary."""

from __future__ import annotations

import datetime as dt

import numpy as np

from sim.member import NEVER
from sim.population import Population
from sim.programme import Programme
from sim.setting import Horizon
from sim.typing import Array, Floats, Ints

DAY = np.dtype(
    [
        ("op", "f8"),  # operational time at the start of the day
        ("speed", "f8"),  # operational days in the day: season x growth
        ("month", "i8"),
        ("calendar", "i8"),  # bit k: the day is one of calendar incentive k
        ("month_end", "f8"),
        ("quarter_end", "f8"),
        ("year_end", "f8"),
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
        ("points_lapse", "i8"),  # a fixed date of expiry falls on its end
    ]
)


class Calendar:
    """Tables of the calendar of one run. Day 0 is the first day; times are days; a month ends where the next begins."""

    def __init__(self, horizon: Horizon, population: Population, programme: Programme) -> None:
        self.start = horizon.start
        edges = [_months_later(horizon.start, k) for k in range(horizon.months + 1)]
        ends = [(edge - horizon.start).days for edge in edges]
        self.end = float(ends[-1])
        self.months = self._months(horizon, programme, edges, ends)
        self.days = self._days(population, programme)
        self.steady = population.season is None and population.growth == 0.0
        self.op_end = float(self.days["op"][-1])
        whole = np.arange(int(self.op_end) + 2, dtype=float)
        found = np.searchsorted(self.days["op"], whole, side="right") - 1
        self.day_of_op: Ints = np.clip(found, 0, int(self.end) - 1).astype(np.int64)
        self.moments = self._moments(programme)

    def day(self, date: dt.date) -> float:
        """Day number of a date."""
        return float((date - self.start).days)

    def _months(self, horizon: Horizon, programme: Programme, edges: list[dt.date], ends: list[int]) -> Array:
        q, expiry = programme.qualification, programme.expiry
        found = np.zeros(horizon.months, MONTH)
        for k, row in enumerate(found):
            first = edges[k]
            count = first.month + 12 * (first.year - horizon.start.year)  # months from January of the first year
            row["start"], row["end"], row["number"] = ends[k], ends[k + 1], first.month
            row["quarter"], row["year"] = (count - 1) // 3, (count - 1) // 12
            row["review"] = count % q.review_every_months == 0
            row["block_ends"] = q.window == "calendar" and count % q.months == 0
            refresh = programme.catalogue_refresh_months
            row["since_refresh"] = k % refresh if refresh else k
            row["points_lapse"] = first.month == expiry.month
        return found

    def _days(self, population: Population, programme: Programme) -> Array:
        n = int(self.end)
        found = np.zeros(n + 1, DAY)
        dates = [self.start + dt.timedelta(days=d) for d in range(n + 1)]
        week = np.array([(date.timetuple().tm_yday - 1) // 7 for date in dates])
        season = np.ones(53) if population.season is None else np.array(population.season)
        found["speed"] = season[week] * (1 + population.growth) ** (np.arange(n + 1) / 365.0)
        found["op"][1:] = np.cumsum(found["speed"])[:-1]
        month = np.searchsorted(self.months["end"], np.arange(n + 1), side="right")
        found["month"] = np.minimum(month, len(self.months) - 1)
        rows = self.months[found["month"]]
        found["month_end"] = rows["end"]
        for name in ("quarter", "year"):
            last = {int(k): float(self.months["end"][self.months[name] == k].max()) for k in np.unique(rows[name])}
            found[f"{name}_end"] = [last[int(k)] for k in rows[name]]
        found["block_end"] = self._block_ends(programme, found["month"])
        for k, incentive in enumerate(programme.incentives):
            if incentive.when.event == "calendar":
                on = np.array([date.day in incentive.when.days_of_month for date in dates])
                found["calendar"] |= on.astype(np.int64) << k
        return found

    def _block_ends(self, programme: Programme, month: Ints) -> Floats:
        window = programme.qualification.window
        if window == "cumulative":
            return np.full(len(month), NEVER)
        if window == "rolling":
            return np.asarray(self.months["end"][month])
        ends = np.where(self.months["block_ends"] == 1, self.months["end"], NEVER)
        nearest = np.minimum.accumulate(ends[::-1])[::-1]
        return np.asarray(nearest[month])

    def _moments(self, programme: Programme) -> Floats:
        n = int(self.end)
        found = np.full((max(1, len(programme.incentives)), n + 1), NEVER)
        for k, incentive in enumerate(programme.incentives):
            if incentive.when.event != "calendar":
                continue
            dates = [self.start + dt.timedelta(days=d) for d in range(n + 61)]
            on = [d - incentive.when.days_before for d, date in enumerate(dates)
                  if date.day in incentive.when.days_of_month]  # fmt: skip
            upcoming = np.array([d for d in on if 0 <= d <= n] + [NEVER])
            found[k] = upcoming[np.searchsorted(upcoming, np.arange(n + 1))]
        return found


def _months_later(date: dt.date, months: int) -> dt.date:
    count = date.year * 12 + date.month - 1 + months
    return dt.date(count // 12, count % 12 + 1, 1)
