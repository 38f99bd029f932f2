"""Parameter draws weighted by how well each explains the live effects (importance sampling, log scale)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats
from scipy.special import logsumexp

from experiments.recalibration_document import Belief
from sim.typing import Floats

CONFLICT = 0.99
"""beyond this quantile of chi-squared the best of all draws does not explain the result"""


@dataclass(frozen=True)
class Weights:
    """What the live result says about each draw."""

    weights: Floats
    """(M,), adding to 1"""
    effective_draws: float
    """1 / sum of squared weights (Kish 1965): as many equally weighted draws would say as much"""
    best_misfit: float
    """squared Mahalanobis distance of the result from the draw that is nearest to it"""
    mean_misfit: float
    """the same from the mean of all draws"""
    threshold: float
    """`best_misfit` above it is a conflict: no draw explains the result"""

    @property
    def conflict(self) -> bool:
        """Whether the result is beyond what any draw explains."""
        return self.best_misfit > self.threshold


def reweight(effects: Floats, observed: Floats, covariance: Floats) -> Weights:
    """Importance weights of draws from the prior, given live effects with normal errors.

    effects: (M, K), the effect that each draw's parameters imply, free of sampling noise; observed: (K,);
    covariance: (K, K) of the live effects. Weights are proportional to the likelihood, normalised on the log
    scale. Raises ValueError where the covariance is not positive definite.
    Source: Robert, Casella (2004), sec. 3.3.
    """
    try:
        root: Floats = np.asarray(np.linalg.cholesky(covariance), dtype=float)
    except np.linalg.LinAlgError:
        raise ValueError("the covariance of the live effects is not positive definite") from None
    misfit = _misfit(root, observed - effects)
    log_weights = -0.5 * misfit
    weights = np.exp(log_weights - logsumexp(log_weights))
    return Weights(
        weights=weights,
        effective_draws=float(1 / np.sum(weights**2)),
        best_misfit=float(misfit.min()),
        mean_misfit=float(_misfit(root, observed - effects.mean(axis=0))),
        threshold=float(stats.chi2.ppf(CONFLICT, len(observed))),
    )


@dataclass(frozen=True)
class Emulator:
    """Effects as a polynomial in the parameters, fitted to draws that hold sampling noise."""

    effects: Floats
    """(M, K), the effect that each draw's parameters imply, noise smoothed away"""
    noise: Floats
    """(K, K) covariance of what the parameters do not explain"""
    explained: Floats
    """(K,) share of the variance of the draws that the parameters explain, adjusted for the terms"""
    leverage: float
    """terms / draws: the share of `noise` that is left in `effects`"""


def emulate(parameters: Floats, draws: Floats) -> Emulator:
    """Regress simulated effects on the parameters behind them, to take the sampling noise out.

    parameters: (M, P); draws: (M, K). Linear terms always; squares, then products, as long as there are 10
    draws a term. Raises ValueError with fewer than 5 draws a linear term. Parameters without spread are
    ignored.
    """
    z = _standardised(parameters)
    count, free = z.shape
    if count < 5 * (free + 1):
        raise ValueError(
            f"{count} draws are too few to tell {free} parameters apart; at least {5 * (free + 1)} are needed"
        )
    columns = [np.ones((count, 1)), z]
    if count >= 10 * (1 + 2 * free):
        columns.append(z**2)
        pairs = list(combinations(range(free), 2))
        if pairs and count >= 10 * (1 + 2 * free + len(pairs)):
            columns.append(np.stack([z[:, i] * z[:, j] for i, j in pairs], axis=1))
    design = np.concatenate(columns, axis=1)
    coefficients, _, rank, _ = np.linalg.lstsq(design, draws, rcond=None)
    fitted = design @ coefficients
    residual = draws - fitted
    noise = residual.T @ residual / max(count - int(rank), 1)
    total = draws.var(axis=0, ddof=1)
    explained = 1 - np.diag(noise) / np.where(total > 0, total, np.inf)
    return Emulator(fitted, noise, np.clip(explained, 0, 1), int(rank) / count)


@dataclass(frozen=True)
class Culprit:
    """The parameter that would have to move for the simulation to explain the result."""

    parameter: int
    """its column"""
    standard_deviations: float
    """how far it would have to move, in its prior standard deviations"""
    value: float
    """where to"""
    suffices: bool
    """whether moving it alone brings the misfit below the threshold"""


def culprit(parameters: Floats, effects: Floats, observed: Floats, covariance: Floats) -> Culprit | None:
    """The one parameter whose move, weighed against its prior, explains most of the result; linear.

    Shapes as in `reweight` and `emulate`. With slope b (effects a prior standard deviation) and result r off
    the mean, moving it by d reduces r' V^-1 r + d^2 by (b' V^-1 r)^2 / (1 + b' V^-1 b) at best.
    None where no parameter moves any effect.
    """
    spread = parameters.std(axis=0, ddof=1)
    free = np.flatnonzero(spread > 1e-12 * np.maximum(1e-300, np.abs(parameters).max(axis=0)))
    if not len(free):
        return None
    z = (parameters[:, free] - parameters[:, free].mean(axis=0)) / spread[free]
    slopes = np.linalg.lstsq(z, effects - effects.mean(axis=0), rcond=None)[0]
    root = np.linalg.cholesky(covariance)
    b = np.linalg.solve(root, slopes.T).T
    r = np.linalg.solve(root, observed - effects.mean(axis=0))
    along, size = b @ r, np.sum(b * b, axis=1)
    gain = along**2 / (1 + size)
    best = int(np.argmax(gain))
    if not size[best] > 0:
        return None
    move = float(along[best] / size[best])
    column = int(free[best])
    left = float(r @ r - along[best] ** 2 / size[best])
    return Culprit(
        parameter=column,
        standard_deviations=move,
        value=float(parameters[:, column].mean() + move * spread[column]),
        suffices=left <= stats.chi2.ppf(CONFLICT, len(observed)),
    )


def weighted_moments(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Mean (P,) and covariance (P, P) of `values` (M, P) under `weights` (M,), unbiased for equal weights."""
    mean = weights @ values
    centred = values - mean
    return mean, (centred.T * weights) @ centred / (1 - float(np.sum(weights**2)))


def weighted_quantile(values: Floats, weights: Floats, level: float) -> float:
    """Smallest value (M,) below or at which the weights add to `level`."""
    order = np.argsort(values)
    place = int(np.searchsorted(np.cumsum(weights[order]), level))
    return float(values[order][min(place, len(values) - 1)])


def belief(values: Floats, weights: Floats | None = None) -> Belief:
    """Mean, standard deviation, 5 and 95 % of (M,) values under weights that add to 1; none = all alike."""
    w = np.full(len(values), 1 / len(values)) if weights is None else weights
    mean, covariance = weighted_moments(values[:, None], w)
    return Belief(
        mean=float(mean[0]),
        sd=float(np.sqrt(covariance[0, 0])),
        low=weighted_quantile(values, w, 0.05),
        high=weighted_quantile(values, w, 0.95),
    )


def _misfit(root: Floats, gaps: Floats) -> Floats:
    return np.asarray(np.sum(np.linalg.solve(root, gaps.T) ** 2, axis=0), dtype=float)


def _standardised(parameters: Floats) -> Floats:
    spread = parameters.std(axis=0, ddof=1)
    free = spread > 1e-12 * np.maximum(1e-300, np.abs(parameters).max(axis=0))
    centred = parameters[:, free] - parameters[:, free].mean(axis=0)
    return np.asarray(centred / spread[free], dtype=float)
