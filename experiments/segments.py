"""Effects by segment drawn towards each other, and effects by week watched for novelty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from sim.typing import Floats


@dataclass(frozen=True)
class Shrunk:
    """Segment effects after shrinkage."""

    effect: Floats
    se: Floats
    tau: float
    """standard deviation of the true effects over segments"""
    p: float
    """of no differences at all (Cochran's Q)"""


def shrink(effect: Floats, se: Floats) -> Shrunk:
    """Empirical-Bayes means of k segment effects, shape (k,), k >= 2, all se > 0.

    True effects normal around a common mean with variance by DerSimonian, Laird (1986); the posterior
    variance includes that of the common mean (Morris 1983).
    """
    weight = se**-2.0
    k = len(effect)
    fixed = weight @ effect / weight.sum()
    q = float(weight @ (effect - fixed) ** 2)
    spread = weight.sum() - (weight**2).sum() / weight.sum()
    tau2 = max(0.0, (q - (k - 1)) / spread)
    precision = 1 / (se**2 + tau2)
    mean = precision @ effect / precision.sum()
    pull = se**2 / (se**2 + tau2)
    variance = (1 - pull) * se**2 + pull**2 / precision.sum()
    return Shrunk(
        (1 - pull) * effect + pull * mean,
        np.sqrt(variance),
        float(np.sqrt(tau2)),
        float(stats.chi2.sf(q, k - 1)),
    )


def trend(effect: Floats, covariance: Floats) -> tuple[float, float]:
    """Slope of the effect by week and its standard error, by generalised least squares.

    effect: shape (W,), W >= 3; covariance: of the weekly effects, shape (W, W), the same members behind all.
    """
    weeks = np.arange(len(effect), dtype=float)
    design = np.column_stack([np.ones(len(effect)), weeks - weeks.mean()])
    scale = np.sqrt(np.diag(covariance))
    inverse = np.linalg.pinv(covariance / np.outer(scale, scale), rcond=1e-10, hermitian=True)
    inverse = inverse / np.outer(scale, scale)
    of_estimates = np.linalg.pinv(design.T @ inverse @ design)
    estimates = of_estimates @ design.T @ inverse @ effect
    return float(estimates[1]), float(np.sqrt(of_estimates[1, 1]))
