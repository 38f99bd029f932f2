"""What one further run would bring, from few replications: the one rule for every interval of simulated runs."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from sim.typing import Floats


def prediction_quantile(values: Floats, level: float) -> Floats:
    """(...) what a further replication stays below with a chance of `level`, of (replications, ...).

    From least_replications(level) on, the order statistic at level x (replications + 1), which is right for any distribution
    (Weibull 1939; Hyndman, Fan 1996, no. 6). Of fewer, whose extremes fall short of the level, the end of a Student t prediction
    interval (Hahn 1969), or the extreme where that lies further out: so a wider interval holds a narrower one, whatever their
    rules. Of one, that one.
    """
    n = len(values)
    if n >= least_replications(level):
        return np.asarray(np.quantile(values, level, axis=0, method="weibull"))
    if n < 2:
        return np.asarray(values[0], np.float64)
    end = values.mean(axis=0) + float(stats.t.ppf(level, n - 1)) * np.sqrt(1 + 1 / n) * values.std(axis=0, ddof=1)
    return np.asarray(np.maximum(end, values.max(axis=0)) if level > 0.5 else np.minimum(end, values.min(axis=0)))


def least_replications(level: float) -> int:
    """Replications from which on the extreme ones reach `level`: 19 for 5 and 95 %, 9 for 10 and 90 %."""
    return math.ceil(round(1 / min(level, 1 - level) - 1, 9))
