"""Operational time: calendar days stretched by season and growth, so that a steady buyer buys steadily in
it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from sim.population import week_of_year
from sim.typing import Floats

DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class Clock:
    """Weights of the days of a panel: season factor x growth, growth being 1 on the last day of the fit.

    `season` holds 53 factors by week of the year or is None; `growth` is the relative change a year as a
    log rate; `last` is the number of the last fitted day.
    """

    start: dt.date
    last: int
    season: tuple[float, ...] | None = None
    growth: float = 0.0

    def weights(self, first: int, last: int) -> Floats:
        """Weight of each day first .. last, relative to a day of the season's average at the end of the
        fit.
        """
        days = np.arange(first, last + 1, dtype=np.int64)
        weight = np.ones(len(days))
        if self.season is not None:
            weight = np.asarray(self.season)[week_of_year(self.start, days)]
        if self.growth:
            weight = weight * np.exp(self.growth * (days - self.last) / DAYS_A_YEAR)
        return weight

    def elapsed(self, last: int) -> Floats:
        """Operational days from the start of day 0 to the end of each day 0 .. last; entry d is the end of
        day d.
        """
        return np.cumsum(self.weights(0, last))
