"""Means by arm and their covariance, from the aggregate: the one thing that every estimator starts from.

Whatever is estimated is a smooth function of the arms' mean vectors, so the delta method needs these and no
more. The covariance is kept as independent pieces with degrees of freedom of their own (Satterthwaite 1946).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from experiments.aggregates import Aggregate, Key
from sim.errors import InputError
from sim.typing import Floats

Variance = Literal["member", "cr1", "cr2", "aggregated"]
_ROUNDING = 1e-14
"""of the largest mean of a column: what is smaller is 0, and was made by adding up"""


@dataclass(frozen=True)
class Piece:
    """The part of the covariance that one arm's rows in one stratum make."""

    arm: int
    covariance: Floats
    """of the arm's mean vector, shape (p, p)"""
    df: float


@dataclass(frozen=True)
class ArmMeans:
    """Mean vectors of A arms over p columns, post-stratified where there are strata."""

    arms: tuple[str, ...]
    columns: tuple[str, ...]
    members: Floats
    """members an arm, shape (A,)"""
    units: Floats
    """randomised units an arm, shape (A,): members or clusters"""
    mean: Floats
    """shape (A, p)"""
    pieces: tuple[Piece, ...]
    shared: Floats
    """covariance of all means stacked, shape (A p, A p), that comes from not knowing the strata's shares"""

    def column(self, name: str) -> int:
        """The place of a column."""
        return self.columns.index(name)

    @property
    def variance(self) -> Floats:
        """Covariance of each arm's mean vector, shape (A, p, p), without the shared part."""
        p = len(self.columns)
        out = np.zeros((len(self.arms), p, p))
        for piece in self.pieces:
            out[piece.arm] += piece.covariance
        return out

    def covariance(self, gradients: Floats) -> Floats:
        """Covariance of K functions of the means with `gradients` of shape (K, A, p): shape (K, K)."""
        k = len(gradients)
        flat = gradients.reshape(k, -1)
        out: Floats = flat @ self.shared @ flat.T
        for piece in self.pieces:
            g = gradients[:, piece.arm]
            out += g @ piece.covariance @ g.T
        return out

    def df(self, gradient: Floats) -> float:
        """Welch-Satterthwaite degrees of freedom of one function with gradient of shape (A, p); inf at 0."""
        parts = [
            (float(gradient[piece.arm] @ piece.covariance @ gradient[piece.arm]), piece.df)
            for piece in self.pieces
        ]
        total = sum(part for part, _ in parts)
        below = sum(part**2 / df for part, df in parts)
        return total**2 / below if below > 0 else float("inf")


def arm_means(aggregate: Aggregate, arms: Sequence[str], variance: Variance = "member") -> ArmMeans:
    """Mean vectors by arm from cells labelled (arm, stratum) or, for clusters, (arm, stratum, cluster).

    Strata are weighted by their share of all units (post-stratification; Miratrix, Sekhon, Yu 2013), the
    variance of the shares included. `variance`: members as units (S / n); clusters as units, robust CR1 with
    G / (G - 1) or CR2 (Bell, McCaffrey 2002), which for means by arm has the closed form sum u_g^2 / (1 -
    n_g / N) / N^2 with u_g = n_g (mean_g - mean); or cluster means as observations.

    Raises InputError where an arm, or an arm in a stratum, has fewer than 2 units.
    """
    clustered = variance != "member"
    strata = sorted({key[1] for key in aggregate.keys})
    p = len(aggregate.columns)
    n = np.zeros((len(arms), len(strata)))
    units = np.zeros_like(n)
    means = np.zeros((*n.shape, p))
    found: dict[tuple[int, int], tuple[Floats, float]] = {}
    place: dict[Key, list[int]] = {}
    for i, key in enumerate(aggregate.keys):
        place.setdefault(key[:2], []).append(i)
    for a, arm in enumerate(arms):
        for s, stratum in enumerate(strata):
            at = place.get((arm, stratum), [])
            count = len(at) if clustered else float(aggregate.n[at].sum())
            if count < 2:
                unit = ("cluster" if clustered else "member") + ("" if count == 1 else "s")
                where = f" in stratum {stratum!r}" if len(strata) > 1 else ""
                raise InputError(f"arm {arm!r} has {count:.0f} {unit}{where}; at least 2 are needed")
            n[a, s], units[a, s] = aggregate.n[at].sum(), count
            if clustered:
                means[a, s], covariance, df = _clusters(aggregate.n[at], aggregate.mean[at], variance)
            else:
                means[a, s] = aggregate.mean[at[0]]
                covariance, df = aggregate.scatter[at[0]] / (count - 1) / count, count - 1
            found[a, s] = covariance, df
    weighed = units if variance == "aggregated" else n
    share = weighed.sum(axis=0) / weighed.sum()
    mean = np.einsum("s,asp->ap", share, means)
    least = _ROUNDING * np.abs(mean).max(axis=0)
    pieces = tuple(Piece(a, share[s] ** 2 * _settled(covariance, least), df) for (a, s), (covariance, df) in found.items())
    apart = (means - mean[:, None]).transpose(1, 0, 2).reshape(len(strata), -1)
    shared = (apart * share[:, None]).T @ apart / units.sum()
    mean = np.where(np.abs(mean) <= least, 0.0, mean)
    return ArmMeans(tuple(arms), aggregate.columns, n.sum(axis=1), units.sum(axis=1), mean, pieces, shared)


def _settled(covariance: Floats, least: Floats) -> Floats:
    """The covariance with 0 for columns that are constant but for rounding."""
    moves = np.diag(covariance) > least**2
    return covariance * np.outer(moves, moves)


def _clusters(n: Floats, mean: Floats, variance: Variance) -> tuple[Floats, Floats, float]:
    """Mean vector of one arm from its clusters, its covariance and degrees of freedom.

    The degrees of freedom of CR1 and CR2 are Satterthwaite's under equal independent errors (Bell, McCaffrey
    2002), N^2 / tr(B^2) with B_gh = -n_g n_h / N sqrt(D_g D_h) off and n_g on the diagonal, D_g = 1 / (1 -
    n_g / N); G - 1 for equal clusters.
    """
    g = len(n)
    if variance == "aggregated":
        centre = mean.mean(axis=0)
        apart = mean - centre
        return centre, apart.T @ apart / (g - 1) / g, g - 1.0
    total = n.sum()
    centre = mean[0] + (n @ (mean - mean[0])) / total
    apart = (mean - centre) * n[:, None]
    weight = 1 / (1 - n / total)
    factor = weight if variance == "cr2" else np.full(g, g / (g - 1))
    covariance = (apart * factor[:, None]).T @ apart / total**2
    square = (n**2).sum() + ((n**2 @ weight) ** 2 - (n**4 @ weight**2)) / total**2
    return centre, covariance, float(total**2 / square)
