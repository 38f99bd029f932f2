"""Many experiments: how observed effects lie on predicted ones, y = a + b m, with heterogeneity by REML."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from sim.typing import Floats


@dataclass(frozen=True)
class MetaRegression:
    """A mixed-effects meta-regression."""

    coefficients: Floats
    """(p,)"""
    covariance: Floats
    """(p, p) of the coefficients, with the Knapp-Hartung factor"""
    standard_errors: Floats
    """(p,) square roots of its diagonal"""
    df: int
    """experiments less coefficients: degrees of freedom of the t reference"""
    tau2: float
    """variance between experiments beyond their own errors"""
    knapp_hartung: float
    """the factor on the covariance"""
    q: float
    """Cochran's Q of the residuals under tau2 = 0"""
    q_p: float
    i2: float
    """share of the variance that is between experiments (Higgins, Thompson 2002)"""

    def interval(self, level: float = 0.95) -> Floats:
        """(p, 2) confidence intervals of the coefficients."""
        reach = stats.t.isf((1 - level) / 2, self.df) * self.standard_errors
        return np.stack([self.coefficients - reach, self.coefficients + reach], axis=1)

    def predict(self, x: Floats) -> tuple[float, float]:
        """Mean and standard deviation of the true effect of a new experiment at regressors `x` (p,).

        The deviation covers the error of the coefficients and tau2, and refers to t with `df` degrees.
        """
        return float(x @ self.coefficients), float(np.sqrt(x @ self.covariance @ x + self.tau2))


def reml(y: Floats, variances: Floats, design: Floats) -> MetaRegression:
    """Fit y = design b + u + e, u ~ N(0, tau2), e ~ N(0, variances), by restricted maximum likelihood.

    y, variances: (k,), variances positive; design: (k, p) of full rank, k > p. The covariance of b carries
    the factor of Knapp, Hartung (2003), not below 1, so that few experiments that happen to agree do not look
    like certainty (Rover, Knapp, Friede 2015). Raises ValueError for too few experiments or a design without
    rank. Source: Viechtbauer (2005) for REML; Berkey et al. (1995) for the regression.
    """
    k, p = design.shape
    if k <= p:
        raise ValueError(f"{k} experiments are too few for {p} coefficients")
    if not np.all(variances > 0):
        raise ValueError("every experiment needs a standard error above 0")
    scale = float(np.median(variances))
    if np.linalg.matrix_rank(design / np.abs(design).max(axis=0)) < p:
        raise ValueError("the predictions do not differ, so that no slope can be fitted")
    fixed, q = _weighted(y, variances, design)[::2]
    top = 10 * (float(np.var(y - design @ fixed)) + float(variances.max())) / scale
    grid = np.concatenate([[0.0], np.geomspace(1e-6, max(top, 1e-5), 60)])
    losses = [_loss(t * scale, y, variances, design) for t in grid]
    place = int(np.argmin(losses))
    low, high = grid[max(place - 1, 0)], grid[min(place + 1, len(grid) - 1)]
    found = optimize.minimize_scalar(
        lambda t: _loss(t * scale, y, variances, design),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-10 * max(high, 1e-6)},
    )
    tau2 = float(found.x * scale) if found.fun < losses[0] - 1e-12 else 0.0
    coefficients, covariance, spread = _weighted(y, variances + tau2, design)
    factor = max(1.0, spread / (k - p))
    covariance = factor * covariance
    return MetaRegression(
        coefficients=coefficients,
        covariance=covariance,
        standard_errors=np.sqrt(np.diag(covariance)),
        df=k - p,
        tau2=tau2,
        knapp_hartung=factor,
        q=q,
        q_p=float(stats.chi2.sf(q, k - p)),
        i2=tau2 / (tau2 + _typical(variances, design)),
    )


def _weighted(y: Floats, variances: Floats, design: Floats) -> tuple[Floats, Floats, float]:
    """Weighted least squares: coefficients, their covariance, weighted sum of squared residuals."""
    root = 1 / np.sqrt(variances)
    q, r = np.linalg.qr(design * root[:, None])
    coefficients = np.linalg.solve(r, q.T @ (y * root))
    inverse = np.linalg.inv(r)
    residual = (y - design @ coefficients) * root
    return coefficients, inverse @ inverse.T, float(residual @ residual)


def _loss(tau2: float, y: Floats, variances: Floats, design: Floats) -> float:
    """Minus twice the restricted log-likelihood, up to a constant."""
    total = variances + tau2
    _, covariance, spread = _weighted(y, total, design)
    return float(np.log(total).sum() - np.linalg.slogdet(covariance)[1] + spread)


def _typical(variances: Floats, design: Floats) -> float:
    """The sampling variance of a typical experiment (Higgins, Thompson 2002, eq. 9, for regressions)."""
    w = 1 / variances
    weighted = design * w[:, None]
    hat = np.trace(np.linalg.solve(design.T @ weighted, weighted.T @ weighted))
    k, p = design.shape
    return float((k - p) / (w.sum() - hat))
