"""Season: a factor on purchases by week of the year, a smooth year times what single weeks add to it."""

from __future__ import annotations

import numpy as np

from sim.population import WEEKS
from sim.typing import Floats

WAVES = ("season.sin1", "season.cos1", "season.sin2", "season.cos2")
_LEAST_FACTOR = 0.05
_ANGLE = 2 * np.pi * (np.arange(WEEKS) + 0.5) * 7 / 365.25
_DESIGN = np.column_stack([f(h * _ANGLE) for h in (1, 2) for f in (np.sin, np.cos)])


def smooth_year(waves: Floats) -> Floats:
    """53 factors of mean 1 whose logs are two harmonics; `waves` are their coefficients, in the order of WAVES."""
    factor = np.exp(_DESIGN @ waves)
    result: Floats = factor / factor.mean()
    return result


def week_factors(actual: Floats, expected: Floats) -> tuple[float, ...]:
    """53 factors of mean 1 from actual and expected purchases by week of the year (both of 53 entries), the smooth year being
    in what is expected.

    What single weeks add is shrunk towards nothing by the Poisson noise of the counts (positive-part empirical Bayes; Efron,
    Morris 1973), so that weeks without anything of their own give 1.
    """
    seen = expected > 0
    mean = np.where(seen, expected * float(actual[seen].sum() / expected[seen].sum()), 0.0)
    rest = np.divide(actual, mean, out=np.ones(WEEKS), where=seen) - 1
    noise = np.divide(1.0, mean, out=np.full(WEEKS, np.inf), where=seen)
    spread = max(0.0, float((mean * rest**2).sum() - seen.sum()) / float(mean.sum()))
    factor = np.maximum(1 + (rest * spread / (spread + noise) if spread > 0 else 0.0 * rest), _LEAST_FACTOR)
    return tuple(float(f) for f in factor / factor.mean())
