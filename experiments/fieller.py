"""Intervals of a ratio of two normal means, exact where the denominator is near 0 or negative."""

from __future__ import annotations

import math

from sim.typing import Floats


def fieller(top: float, below: float, covariance: Floats, t: float) -> tuple[float, float]:
    """Limits of top / below (Fieller 1954): the ratios r with top - r below within t standard errors of 0.

    covariance: of (top, below), shape (2, 2); t: quantile. (-inf, inf) where the denominator itself is
    within t standard errors of 0, since then no ratio is excluded on one side.
    """
    v11, v12, v22 = float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1])
    a = below**2 - t**2 * v22
    b = top * below - t**2 * v12
    c = top**2 - t**2 * v11
    if a <= 0:
        return -math.inf, math.inf
    root = math.sqrt(max(b**2 - a * c, 0.0))
    return (b - root) / a, (b + root) / a


def mover(
    first: float, limits: tuple[float, float], second: float, other: tuple[float, float]
) -> tuple[float, float]:
    """Limits of first - second from the limits of each (MOVER; Zou, Donner 2008; Donner, Zou 2012, eq. 2)."""
    low = first - second - math.hypot(first - limits[0], other[1] - second)
    high = first - second + math.hypot(limits[1] - first, second - other[0])
    return low, high
