"""How good a forecast was: proper scores, probability integral transform, Monte-Carlo p-value.

A forecast is either an ensemble of M draws of what would be measured, or, with ``noise_sd`` > 0, M draws of
the true effect, each of which would be measured with normal noise of that standard deviation. The second is
scored exactly, as a mixture of normals, so that no noise has to be drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, ndtr
from scipy.stats import t as student

from sim.typing import Floats

_ROWS = 256
_ROOT_2_PI = float(np.sqrt(2 * np.pi))


def crps_gaussian(y: ArrayLike, mean: ArrayLike, sd: ArrayLike) -> Floats:
    """Continuous ranked probability score of a normal forecast; smaller is better, in the unit of `y`.

    Arguments broadcast. With sd = 0 it is |y - mean|. Raises ValueError for a negative or non-finite `sd`.
    Source: Gneiting, Raftery (2007), sec. 4.2.
    """
    value, centre, spread = (np.asarray(a, dtype=float) for a in (y, mean, sd))
    if not np.all(np.isfinite(spread)) or np.any(spread < 0):
        raise ValueError("the standard deviation of a forecast must be a number of 0 or more")
    difference = value - centre
    scale = np.where(spread > 0, spread, 1.0)
    z = difference / scale
    score = scale * (z * (2 * ndtr(z) - 1) + 2 * _density(z) - 1 / np.sqrt(np.pi))
    return np.asarray(np.where(spread > 0, score, np.abs(difference)), dtype=float)


def crps_student(y: ArrayLike, mean: ArrayLike, scale: ArrayLike, df: float) -> Floats:
    """CRPS of a forecast mean + scale * t with `df` > 1 degrees of freedom (inf: normal); `scale` > 0.

    Source: Jordan, Krueger, Lerch (2019), appendix A.
    """
    if not df > 1:
        raise ValueError("a t forecast has a score only with more than 1 degree of freedom")
    if df > 1e6:
        return crps_gaussian(y, mean, scale)
    z = (np.asarray(y, dtype=float) - mean) / np.asarray(scale, dtype=float)
    ratio = np.exp(betaln(0.5, df - 0.5) - 2 * betaln(0.5, df / 2))
    density = student.pdf(z, df)
    score = z * (2 * student.cdf(z, df) - 1) + 2 * density * (df + z * z) / (df - 1)
    return np.asarray(scale * (score - 2 * np.sqrt(df) / (df - 1) * ratio), dtype=float)


def crps_ensemble(draws: ArrayLike, y: ArrayLike, fair: bool = False, noise_sd: ArrayLike = 0.0) -> Floats:
    """CRPS of ensembles: mean |x - y| less half the mean |x - x'|; smaller is better, in the unit of `y`.

    draws: (..., M), M >= 1, or M >= 2 where `fair`. y, noise_sd: shape (...) or scalars; noise_sd is all zero
    or all positive. `fair` takes the mean over pairs of different draws, which is unbiased for the score of
    infinitely many draws; plain treats the M draws as the forecast itself. Returns shape (...).
    Source: Gneiting, Raftery (2007), sec. 4.2; Ferro (2014) for fair; Grimit et al. (2006), eq. 5, for the
    mixture.
    """
    x = _ensembles(draws, least=2 if fair else 1)
    members = x.shape[-1]
    value = np.asarray(y, dtype=float)
    noise = np.broadcast_to(
        np.asarray(noise_sd, dtype=float), np.broadcast_shapes(np.shape(noise_sd), x.shape[:-1])
    )
    pairs = members * (members - 1 if fair else members)
    if not np.any(noise > 0):
        ranks = 2.0 * np.arange(1, members + 1) - members - 1
        spread = 2 * (np.sort(x, axis=-1) @ ranks) / pairs
        return np.asarray(np.abs(x - value[..., None]).mean(axis=-1) - spread / 2, dtype=float)
    distance = _mean_distance(value[..., None] - x, noise[..., None]).mean(axis=-1)
    root_2 = np.sqrt(2) * noise[..., None, None]
    total = np.zeros(x.shape[:-1])
    for start in range(0, members, _ROWS):
        gaps = x[..., start : start + _ROWS, None] - x[..., None, :]
        total = total + _mean_distance(gaps, root_2).sum(axis=(-2, -1))
    if fair:
        total = total - members * np.sqrt(2) * noise * 2 / _ROOT_2_PI
    return np.asarray(distance - total / pairs / 2, dtype=float)


def energy_score(draws: ArrayLike, y: ArrayLike, fair: bool = False) -> float:
    """Energy score of an ensemble of vectors: mean ||x - y|| less half the mean ||x - x'||; less is better.

    draws: (M, K), M >= 1, or M >= 2 where `fair`; y: (K,). Metrics of different units must be scaled first.
    Source: Gneiting, Raftery (2007), sec. 4.3, with beta = 1.
    """
    x = _ensembles(draws, least=2 if fair else 1, vectors=True)
    value = np.asarray(y, dtype=float)
    members = len(x)
    total = sum(
        float(np.sqrt(((x[start : start + _ROWS, None] - x[None]) ** 2).sum(axis=-1)).sum())
        for start in range(0, members, _ROWS)
    )
    distance = float(np.sqrt(((x - value) ** 2).sum(axis=-1)).mean())
    return distance - total / (members * (members - 1 if fair else members)) / 2


def pit(draws: ArrayLike, y: ArrayLike, u: ArrayLike, noise_sd: ArrayLike = 0.0) -> Floats:
    """Probability integral transform of `y`: its randomised rank among the draws, in (0, 1).

    draws: (..., M); y, u, noise_sd: shape (...) or scalars; `u` is uniform on (0, 1) and breaks ties. Uniform
    when `y` and the draws come from one distribution: exactly for an ensemble of measurements, up to 1 / M
    for a mixture. Source: Czado, Gneiting, Held (2009), sec. 2.
    """
    below, equal, members = _ranks(draws, y, noise_sd)
    return np.asarray((below + np.asarray(u, dtype=float) * (equal + 1)) / (members + 1), dtype=float)


def monte_carlo_p(draws: ArrayLike, y: ArrayLike, noise_sd: ArrayLike = 0.0) -> Floats:
    """Two-sided p-value of `y` among the draws, never 0: twice the smaller tail, `y` counted as a draw.

    Shapes as in `pit`. Source: Davison, Hinkley (1997), sec. 4.2.
    """
    below, equal, members = _ranks(draws, y, noise_sd)
    low = (below + equal + 1) / (members + 1)
    high = (members - below + 1) / (members + 1)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(low, high)), dtype=float)


def skill(score: ArrayLike, reference: ArrayLike) -> float:
    """1 - mean score / mean reference score: 1 perfect, 0 no better than the reference, negative worse.

    Raises ValueError where the reference scores 0 or less on average: nothing can be measured against it.
    Source: Gneiting, Raftery (2007), sec. 2.3.
    """
    base = float(np.mean(np.asarray(reference, dtype=float)))
    if not base > 0:
        raise ValueError("the reference forecast is perfect; skill against it is not defined")
    return 1 - float(np.mean(np.asarray(score, dtype=float))) / base


def _ensembles(draws: ArrayLike, least: int, vectors: bool = False) -> Floats:
    x = np.asarray(draws, dtype=float)
    if x.ndim < (2 if vectors else 1) or x.shape[-2 if vectors else -1] < least:
        raise ValueError(f"a score needs at least {least} draw{'s' if least > 1 else ''}")
    if not np.all(np.isfinite(x)):
        raise ValueError("the draws of a forecast must be finite numbers")
    return x


def _ranks(draws: ArrayLike, y: ArrayLike, noise_sd: ArrayLike) -> tuple[Floats, Floats, int]:
    """Number of draws below `y` and equal to it; with noise, the expected number below."""
    x = _ensembles(draws, least=1)
    value = np.asarray(y, dtype=float)[..., None]
    noise = np.asarray(noise_sd, dtype=float)[..., None]
    if np.any(noise > 0):
        below = np.asarray(ndtr((value - x) / noise).sum(axis=-1), dtype=float)
        return below, np.zeros_like(below), x.shape[-1]
    return (x < value).sum(axis=-1).astype(float), (x == value).sum(axis=-1).astype(float), x.shape[-1]


def _density(z: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * z * z) / _ROOT_2_PI, dtype=float)


def _mean_distance(mean: Floats, sd: Floats) -> Floats:
    """E |N(mean, sd^2)| for sd > 0."""
    z = mean / sd
    return np.asarray(2 * sd * _density(z) + mean * (2 * ndtr(z) - 1), dtype=float)
