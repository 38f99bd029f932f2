"""What goes together: the strongest correlations of a covariance, in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from scenarios.numerals import number, signed

LEAST = 0.2
"""weaker correlations are not told"""
MOST = 8
"""of the strongest, so many are"""


def together(names: Sequence[str], covariance: Sequence[Sequence[float]]) -> list[str]:
    """`a and b: +0.83`, the strongest first, of pairs that correlate by LEAST or more; covariance: (K, K), order of names."""
    matrix = np.array(covariance, dtype=float).reshape(len(names), len(names))
    sd = np.sqrt(np.diag(matrix))
    found = [
        (float(matrix[i, j] / (sd[i] * sd[j])), names[i], names[j])
        for i, j in combinations(range(len(names)), 2)
        if sd[i] > 0 and sd[j] > 0
    ]
    strong = sorted((pair for pair in found if abs(pair[0]) >= LEAST), key=lambda pair: -abs(pair[0]))
    return [f"{a} and {b}: {signed(number(r, 2))}" for r, a, b in strong[:MOST]]
