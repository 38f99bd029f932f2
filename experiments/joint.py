"""All metrics at once: is the whole vector of live effects one that the simulation could have produced?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from experiments.discrepancy import spread
from experiments.scores import energy_score
from sim.typing import Floats

_Test = tuple[Literal["hotelling", "bonferroni"], int, float, tuple[float, float], float]

_BAND_DRAWS = 40_000
_SMALLEST_EIGENVALUE = 1e-8


@dataclass(frozen=True)
class Joint:
    """Hotelling-type test of all metrics, with bands that hold for all of them at once."""

    method: Literal["hotelling", "bonferroni"]
    """"hotelling", or "bonferroni" where nobody knows how the live effects of the metrics go together"""
    metrics: int
    rank: int
    """number of metrics that are no combination of the others"""
    statistic: float
    """F, or the smallest p-value for bonferroni"""
    df: tuple[float, float]
    p: float
    band: tuple[tuple[float, float], ...]
    """per metric, where the live effect falls if the simulation is right: all at once at level 1 - alpha"""
    outside: tuple[bool, ...]
    """per metric, whether the live effect is outside its band"""
    energy: float
    """energy score of the prediction, every metric in units of the standard error of its discrepancy"""
    energy_skill: float
    """1 - energy / energy score of "no effect on anything" """


def joint_test(
    observed: Floats,
    live_covariance: Floats,
    draws: Floats,
    noise_included: bool = False,
    luck_sd: Floats | None = None,
    correlation_known: bool = True,
    df_live: float = np.inf,
    alpha: float = 0.05,
    seed: int = 0,
) -> Joint:
    """Compare the vector of live effects with the M predicted vectors.

    observed: (K,); live_covariance: (K, K), of which only the diagonal is used where `correlation_known` is
    false; draws: (M, K); luck_sd: (K,), the sampling noise within the draws, where the prediction states it.
    T^2 = D' C^-1 D with C as in `discrepancy.spread`, T^2 (v - K + 1) / (v K) ~ F(K, v - K + 1); where the
    draws hold all noise v = M - 1, which is exact for normal draws; otherwise v by Krishnamoorthy, Yu (2004),
    who correct Nel, van der Merwe (1986). Simultaneous bands: the 1 - alpha quantile of the largest |t|.
    Raises ValueError where M is too small for K metrics, or a metric has no spread at all.
    """
    draw_count, k = draws.shape
    se = np.sqrt(np.diag(live_covariance))
    simulated = np.atleast_2d(np.cov(draws, rowvar=False))
    sd = np.sqrt(np.diag(simulated))
    luck: list[float | None] = [None] * k if luck_sd is None else [float(x) for x in luck_sd]
    spreads = [
        spread(float(se[i]), float(sd[i]), draw_count, df_live, noise_included, luck[i]) for i in range(k)
    ]
    total_sd = np.array([s.total for s in spreads])
    if not np.all(total_sd > 0):
        raise ValueError("a metric has no spread, neither in the prediction nor in the result")
    predicted = draws.mean(axis=0)
    difference = observed - predicted
    live = live_covariance if correlation_known or k == 1 else None
    covariance, parts = _covariance(live, simulated, draw_count, noise_included, luck_sd, total_sd, df_live)
    p_each = [2 * stats.t.sf(abs(d) / s.total, s.df) for d, s in zip(difference, spreads, strict=True)]
    test: _Test
    if covariance is None:
        smallest = float(min(p_each))
        reach = np.array([stats.t.isf(alpha / 2 / k, s.df) * s.total for s in spreads])
        test = ("bonferroni", k, smallest, (float(k), np.inf), min(1.0, k * smallest))
    else:
        test, v = _hotelling(difference, covariance, parts, draw_count)
        reach = total_sd * _simultaneous(_correlation(covariance), v, alpha, seed)
    noise = np.diag(se**2) if live is None else live
    energy, reference = _energies(observed, draws, noise, noise_included, total_sd, seed)
    method, rank, statistic, df, p = test
    return Joint(
        method=method,
        metrics=k,
        rank=rank,
        statistic=statistic,
        df=df,
        p=p,
        band=tuple((float(m - r), float(m + r)) for m, r in zip(predicted, reach, strict=True)),
        outside=tuple(bool(o) for o in np.abs(difference) > reach),
        energy=energy,
        energy_skill=1 - energy / reference,
    )


def _covariance(
    live: Floats | None,
    simulated: Floats,
    draws: int,
    noise_included: bool,
    luck_sd: Floats | None,
    total_sd: Floats,
    df_live: float,
) -> tuple[Floats | None, list[tuple[Floats, float]]]:
    """Covariance of the discrepancies, and the estimated parts of it with their degrees of freedom."""
    if not noise_included:
        if live is None:
            return None, []
        widened = simulated * (1 + 1 / draws)
        return widened + live, [(widened, draws - 1.0), (live, df_live)]
    if luck_sd is not None and live is not None:
        luck = np.outer(luck_sd, luck_sd) * _correlation(live)
        values, vectors = np.linalg.eigh(simulated - luck)
        parameters = (vectors * np.clip(values, 0, None)) @ vectors.T
        return parameters + simulated / draws + live, [(simulated, draws - 1.0), (live, df_live)]
    covariance = np.outer(total_sd, total_sd) * _correlation(simulated)
    return covariance, [(covariance, draws - 1.0)]


def _hotelling(
    difference: Floats, covariance: Floats, parts: list[tuple[Floats, float]], draws: int
) -> tuple[_Test, float]:
    scale = 1 / np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance * np.outer(scale, scale))
    kept = values > _SMALLEST_EIGENVALUE * values.max()
    whiten = (vectors[:, kept] / np.sqrt(values[kept])).T * scale
    rank = int(kept.sum())
    if rank < len(kept) and draws - 1 < len(kept):
        raise ValueError(f"{draws} draws are too few to test {len(kept)} metrics together")
    t2 = float(np.sum((whiten @ difference) ** 2))
    doubt = 0.0
    for part, df in parts:
        share = whiten @ part @ whiten.T
        doubt += float(np.trace(share @ share) + np.trace(share) ** 2) / df
    v = (rank + rank**2) / doubt if doubt > 0 else np.inf
    if v <= rank - 1:
        raise ValueError(f"{draws} draws are too few to test {rank} metrics together")
    if np.isinf(v):
        return ("hotelling", rank, t2 / rank, (float(rank), np.inf), float(stats.chi2.sf(t2, rank))), v
    second = float(v - rank + 1)
    f = t2 * second / (v * rank)
    return ("hotelling", rank, float(f), (float(rank), second), float(stats.f.sf(f, rank, second))), v


def _simultaneous(correlation: Floats, df: float, alpha: float, seed: int) -> float:
    """Quantile 1 - alpha of the largest |t| of a multivariate t, by simulation (error about .01)."""
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(correlation)
    z = rng.standard_normal((_BAND_DRAWS, len(correlation))) @ (vectors * np.sqrt(np.clip(values, 0, None))).T
    largest = np.abs(z).max(axis=1)
    if np.isfinite(df):
        largest = largest / np.sqrt(rng.chisquare(df, _BAND_DRAWS) / df)
    return float(np.quantile(largest, 1 - alpha))


def _energies(
    observed: Floats, draws: Floats, noise: Floats, noise_included: bool, scale: Floats, seed: int
) -> tuple[float, float]:
    """Fair energy scores of the prediction and of "no effect", each with the live noise in it once."""
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(noise)
    luck = rng.standard_normal(draws.shape) @ (vectors * np.sqrt(np.clip(values, 0, None))).T
    forecast = draws if noise_included else draws + luck
    return (
        energy_score(forecast / scale, observed / scale, fair=True),
        energy_score(luck / scale, observed / scale, fair=True),
    )


def _correlation(covariance: Floats) -> Floats:
    sd = np.sqrt(np.diag(covariance))
    safe = np.where(sd > 0, sd, 1.0)
    matrix = covariance / np.outer(safe, safe)
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix, dtype=float)
