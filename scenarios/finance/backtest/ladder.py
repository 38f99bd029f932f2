"""What chain ladder alone would have forecast: points redeemed and outstanding from the triangle by month of earning."""

from __future__ import annotations

import numpy as np

from scenarios.finance.backtest.lots import Points
from scenarios.finance.triangle import develop
from sim.errors import InputError
from sim.typing import Floats


def ladder_forecast(points: Points, months: int) -> tuple[Floats, Floats]:
    """(months,) points redeemed and (months,) outstanding at month end, by chain ladder with oldest points spent first.

    Issue and lapse carry on as in the last month; later cohorts redeem at age 0 as past ones did, all of them then by the
    development factors, nothing beyond the last age; points held before the first month go on as in the last month, as long as
    they last. Raises InputError where no cohort has redeemed anything by some age, or only one month is known.
    """
    if len(points.issued) < 2:
        raise InputError("the table has one month before the forecast; 2 are needed")
    known = points.triangle()
    factors = develop(known).factors
    ages = known.cumulative.shape[1]
    young = known.cumulative[:, 0].sum() / known.issued.sum()
    latest, age = known.latest.copy(), known.latest_age.copy()
    issued, expired = float(points.issued[-1]), float(points.expired[-1])
    old, old_rate = float(points.lots[:, 0].sum()), float(points.redeemed[0, -1])
    left = float(points.outstanding[-1])
    redeemed, outstanding = np.zeros(months), np.zeros(months)
    for m in range(months):
        grown = latest * np.where(age < ages - 1, factors[np.minimum(age, ages - 2)], 1.0)
        from_old = min(old, old_rate)
        redeemed[m] = (grown - latest).sum() + young * issued + from_old
        old -= from_old
        latest, age = np.append(grown, young * issued), np.append(age + 1, 0)
        left += issued - redeemed[m] - expired
        outstanding[m] = left
    return redeemed, outstanding
