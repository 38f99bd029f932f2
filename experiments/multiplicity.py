"""Several tests at once: adjusted p-values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

Method = Literal["none", "holm", "benjamini-hochberg"]


def adjusted(p: Sequence[float], method: Method) -> list[float]:
    """p-values to be compared with the level as they are.

    Holm (1979): the probability of any false finding stays below the level, whatever the dependence.
    Benjamini, Hochberg (1995): the expected share of false findings does, for independent or positively
    dependent tests.
    """
    # statsmodels' multipletests collects garbage on every call, .2 s each; the tests compare with it
    values = np.asarray(p, dtype=float)
    k = len(values)
    if method == "none" or k < 2:
        return [float(one) for one in values]
    order = np.argsort(values)
    rank = np.arange(1, k + 1)
    if method == "holm":
        stepped = np.maximum.accumulate(values[order] * (k + 1 - rank))
    else:
        stepped = np.minimum.accumulate((values[order] * k / rank)[::-1])[::-1]
    out = np.empty(k)
    out[order] = np.minimum(stepped, 1.0)
    return [float(one) for one in out]
