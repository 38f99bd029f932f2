"""Closed forms of the BG/NBD model, in any unit of time that `alpha` and the times share."""

from __future__ import annotations

import numpy as np
from scipy.special import hyp2f1


def probability_of_none(r: float, alpha: float, t: float) -> float:
    """Probability that a member makes no purchase in the time `t` after the first (Fader, Hardie, Lee
    2005, eq. 8).
    """
    return float((alpha / (alpha + t)) ** r)


def expected_purchases(r: float, alpha: float, a: float, b: float, t: float) -> float:
    """Expected purchases of a member in the time `t` after the first (Fader, Hardie, Lee 2005, eq. 9)."""
    a = _apart_from_1(a)
    survive = (alpha / (alpha + t)) ** r * hyp2f1(r, b, a + b - 1, t / (alpha + t))
    return float((a + b - 1) / (a - 1) * (1 - survive))


def conditional_expectation(
    r: float, alpha: float, a: float, b: float, *, x: float, recency: float, age: float, t: float
) -> float:
    """Expected purchases in the next `t` of a member with `x` repeat purchases, the last at `recency`,
    seen for `age`.

    Fader, Hardie, Lee (2005), eq. 10.
    """
    a = _apart_from_1(a)
    survive = ((alpha + age) / (alpha + age + t)) ** (r + x)
    survive *= hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + age + t))
    odds = a / (b + x - 1) * np.exp((r + x) * np.log((alpha + age) / (alpha + recency))) if x > 0 else 0.0
    return float((a + b + x - 1) / (a - 1) * (1 - survive) / (1 + odds))


def _apart_from_1(a: float) -> float:
    return a if abs(a - 1) > 1e-7 else 1 + 1e-7
