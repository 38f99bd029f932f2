"""Season: a factor on purchases by week of the year, from counts beside what a steady process would have
brought.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scenarios.calibration.calendar import WEEKS

Floats = NDArray[np.float64]

_LEAST_FACTOR = 0.05
_HARMONICS = 2


def season_factors(actual: Floats, expected: Floats) -> tuple[float, ...]:
    """53 factors of mean 1 from actual and expected purchases by week of the year (both of 53 entries).

    A smooth year (two harmonics) and then what single weeks add to it are each shrunk towards nothing by
    the Poisson noise of the counts (positive-part empirical Bayes; Efron, Morris 1973), so that a year
    without season gives 1.
    """
    seen = expected > 0
    level = float(actual[seen].sum() / expected[seen].sum())
    mean = expected * level
    ratio = np.divide(actual, mean, out=np.ones(WEEKS), where=seen) - 1
    weight = np.where(seen, mean, 0.0)
    smooth = _smooth(ratio, weight)
    rest = ratio - smooth
    noise = np.divide(1.0, weight, out=np.full(WEEKS, np.inf), where=seen)
    excess = float((weight * rest**2).sum() - seen.sum()) / float(weight.sum())
    spread = max(0.0, excess)
    factor = 1 + smooth + (rest * spread / (spread + noise) if spread > 0 else 0.0)
    factor = np.maximum(factor, _LEAST_FACTOR)
    return tuple(float(f) for f in factor / factor.mean())


def _smooth(ratio: Floats, weight: Floats) -> Floats:
    angle = 2 * np.pi * (np.arange(WEEKS) + 0.5) * 7 / 365.25
    waves = [f(h * angle) for h in range(1, _HARMONICS + 1) for f in (np.sin, np.cos)]
    design = np.column_stack([np.ones(WEEKS), *waves])
    information = design.T @ (weight[:, None] * design)
    inverse = np.linalg.pinv(information)
    effect = inverse @ (design.T @ (weight * ratio))
    residual = ratio - design @ effect
    dispersion = max(1.0, float(weight @ residual**2) / max(int((weight > 0).sum()) - len(effect), 1))
    variance = dispersion * np.diag(inverse)
    shrunk = effect * np.maximum(0.0, 1 - variance / np.maximum(effect**2, 1e-30))
    shrunk[0] = 0.0
    result: Floats = design @ shrunk
    return result
