"""Quantiles of one further course of events, from few replications."""

from __future__ import annotations

import numpy as np
from scipy import stats

from sim.typing import Floats


def prediction_quantile(values: Floats, level: float) -> Floats:
    """(...) what a further replication stays below with a chance of `level`, of (replications, ...).

    At k / (replications + 1) from 9 replications on, the end of a Student t prediction interval of fewer, and of one that one.
    """
    n = len(values)
    if n < 2:
        return np.asarray(values[0], np.float64)
    if n >= 9:
        return np.asarray(np.quantile(values, level, axis=0, method="weibull"))
    half = float(stats.t.ppf(level, n - 1)) * np.sqrt(1 + 1 / n)
    return np.asarray(values.mean(axis=0) + half * values.std(axis=0, ddof=1))
