"""What befalls all members at once: the factors that one run has on every purchase rate and on every list value.

They are luck: drawn from the run's seed, and not from the draw of the parameters.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from sim.population import WEEKS, Shocks, week_of_year
from sim.typing import Floats

_QUARTERS = 4


def common_factors(shocks: Shocks, seed: int, dates: Sequence[dt.date]) -> Floats:
    """(2, dates) factors on the purchase rate and on list values, for consecutive dates.

    seed: of the run; a date has the same factors in every run of the seed, whenever that began. Every factor is lognormal with
    mean 1; spreads are standard deviations of its log.
    """
    first = dates[0].year
    year = np.array([date.year for date in dates]) - first
    week = week_of_year(dates[0], np.arange(len(dates)))
    quarter = WEEKS + np.array([(date.month - 1) // 3 for date in dates])
    levels = _scores(2, seed)
    scores = np.stack([_scores((2, WEEKS + _QUARTERS), seed, first + k) for k in range(int(year[-1]) + 1)])
    found = []
    for series, spread in enumerate((shocks.purchases, shocks.baskets)):
        log = spread.level * levels[series] + spread.quarter * scores[year, series, quarter]
        log += spread.week * scores[year, series, week]
        found.append(np.exp(log - (spread.level**2 + spread.quarter**2 + spread.week**2) / 2))
    return np.array(found)


def _scores(shape: int | tuple[int, int], seed: int, *year: int) -> Floats:
    """Normal scores by address, as all luck is: of a seed, or of a year of it."""
    return np.random.Generator(np.random.Philox([seed, 8, *year])).standard_normal(shape)
