"""What one further run would bring, and why runs differ, from few replications: the one rule for all simulated runs."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from sim.typing import Floats

Bound = float | Floats


def prediction_quantile(values: Floats, level: float, low: Bound = -math.inf, high: Bound = math.inf) -> Floats:
    """(...) what a further replication stays below with a chance of `level`, of (replications, ...).

    From least_replications(level) on, the order statistic at level x (replications + 1), which is right for any distribution
    (Weibull 1939; Hyndman, Fan 1996, no. 6). Of fewer, whose extremes fall short of the level, the end of a Student t prediction
    interval (Hahn 1969), or the extreme where that lies further out: so a wider interval holds a narrower one, whatever their
    rules. Of one, that one.

    low, high: what the values cannot lie beyond, (...) or one for all. A further replication lies beyond the extreme of n with a
    chance of 1 / (n + 1); between extreme and bound that chance is spread evenly, and where t reaches further than this, this is
    the end. A bound that a replication lies beyond is none.
    """
    n = len(values)
    if n >= least_replications(level):
        return np.asarray(np.quantile(values, level, axis=0, method="weibull"))
    if n < 2:
        return np.asarray(values[0], np.float64)
    end = values.mean(axis=0) + float(stats.t.ppf(level, n - 1)) * np.sqrt(1 + 1 / n) * values.std(axis=0, ddof=1)
    above, below = values.max(axis=0), values.min(axis=0)
    if level > 0.5:
        return -_inner(-above, -np.maximum(end, above), -np.asarray(high), (1 - level) * (n + 1))
    return _inner(below, np.minimum(end, below), np.asarray(low), level * (n + 1))


def by_cause(values: Floats, luck: Floats) -> tuple[Floats, Floats]:
    """((...) standard deviation from luck, (...) from not knowing the parameters), their squares adding to the variance of all.

    values: (replications, ...) luck and parameters together; luck: (fewer replications, ...) the first of them lived again with
    the parameters at their means. Run and rerun share their luck, so they differ by the parameters: the variance of the
    differences is to that of the reruns as parameters to luck. Without an uncertain parameter nothing is theirs, whatever chance
    makes of a few runs. Pairs of which one is not defined (NaN) are left out; NaN where fewer than two are left.
    """
    moved = values[: len(luck)] - luck
    both = np.isfinite(moved)
    enough = both.sum(axis=0) > 1
    whole, apart, alone = (_variance(v, at) for v, at in ((values, np.isfinite(values)), (moved, both), (luck, both)))
    share = np.divide(apart, apart + alone, out=np.zeros_like(apart), where=apart + alone > 0)
    found = (np.sqrt(whole * part) for part in (1 - share, share))
    first, second = (np.where(enough, sd, np.nan) for sd in found)
    return first, second


def _variance(values: Floats, at: np.ndarray) -> Floats:
    """Along the first axis, of the values `at` which they are defined; 0 of fewer than two."""
    n = at.sum(axis=0)
    mean = np.where(at, values, 0.0).sum(axis=0) / np.maximum(n, 1)
    return np.asarray(np.where(at, (values - mean) ** 2, 0.0).sum(axis=0) / np.maximum(n - 1, 1))


def _inner(extreme: Floats, end: Floats, bound: Floats, share: float) -> Floats:
    """The end of an interval below, or the point at `share` of the way from the bound to the extreme where that is higher."""
    real = np.isfinite(bound) & (extreme >= bound)
    safe = np.where(real, bound, extreme)
    return np.asarray(np.where(real, np.maximum(end, safe + share * (extreme - safe)), end))


def least_replications(level: float) -> int:
    """Replications from which on the extreme ones reach `level`: 19 for 5 and 95 %, 9 for 10 and 90 %."""
    return math.ceil(round(1 / min(level, 1 - level) - 1, 9))
