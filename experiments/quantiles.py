"""Quantiles by arm with bootstrap standard errors, for members and for clusters."""

from __future__ import annotations

import numpy as np
from scipy import stats

from experiments.aggregates import Codes
from sim.typing import Floats

REPEATS = 1000
"""bootstrap samples of clusters"""
GRID = 400
"""values at which the resampled distribution of clustered data is known"""


def quantile(values: Floats, q: float) -> float:
    """The q-quantile of a sample as its order statistic of rank ceil(n q): a value that occurs."""
    ordered = np.sort(values)
    return float(ordered[_rank(len(ordered), q) - 1])


def bootstrap_se(values: Floats, q: float) -> float:
    """Standard error of the q-quantile over all bootstrap samples of members, without drawing any.

    In a bootstrap sample the quantile is the order statistic of the original whose rank is Binomial(n + 1, q)
    (Schultzberg, Ankargren 2022, Resampling-free bootstrap inference for quantiles, theorem 1).
    """
    ordered = np.sort(values)
    n = len(ordered)
    reach = 8 * np.sqrt(n * q * (1 - q)) + 3
    rank = np.arange(max(0, int((n + 1) * q - reach)), min(n + 1, int((n + 1) * q + reach) + 1) + 1)
    weight = stats.binom.pmf(rank, n + 1, q)
    value = ordered[np.clip(rank, 1, n) - 1]
    middle = float(weight @ value / weight.sum())
    return float(np.sqrt(weight @ (value - middle) ** 2 / weight.sum()))


def cluster_bootstrap_se(values: Floats, clusters: Codes, q: float, seed: int = 0) -> float:
    """Standard error of the q-quantile over REPEATS bootstrap samples of clusters, on a grid of GRID values.

    values, clusters: shape (n,). The grid spans 8 cluster-robust standard errors of the share below the
    quantile.
    """
    names, code = np.unique(clusters, return_inverse=True)
    g, n = len(names), len(values)
    size = np.bincount(code, minlength=g).astype(float)
    ordered = np.sort(values)
    below = np.bincount(code, weights=values <= quantile(values, q), minlength=g)
    apart = below - size * below.sum() / n
    reach = 8 * np.sqrt((apart**2).sum() * g / (g - 1)) / n + 2 / n
    ranks = np.linspace(max(0.0, q - reach), min(1.0, q + reach), GRID) * (n - 1)
    grid = np.unique(ordered[np.round(ranks).astype(int)])
    at = np.searchsorted(grid, values, side="left")
    counts = np.zeros((g, len(grid) + 1))
    np.add.at(counts, (code, at), 1.0)
    upto = counts[:, :-1].cumsum(axis=1)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(g, np.full(g, 1 / g), size=REPEATS).astype(float)
    reached = drawn @ upto >= q * (drawn @ size)[:, None] - 1e-9
    first = np.where(reached.any(axis=1), reached.argmax(axis=1), len(grid) - 1)
    return float(grid[first].std(ddof=1))


def _rank(n: int, q: float) -> int:
    return int(min(n, max(1, np.ceil(n * q - 1e-9))))
