"""Several tests at once: adjusted p-values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from statsmodels.stats.multitest import multipletests

Method = Literal["none", "holm", "benjamini-hochberg"]

_NAMES = {"holm": "holm", "benjamini-hochberg": "fdr_bh"}


def adjusted(p: Sequence[float], method: Method) -> list[float]:
    """p-values to be compared with the level as they are.

    Holm (1979): the probability of any false finding stays below the level, whatever the dependence.
    Benjamini, Hochberg (1995): the expected share of false findings does, for independent or positively
    dependent tests.
    """
    if method == "none" or len(p) < 2:
        return [float(one) for one in p]
    return [float(one) for one in multipletests(list(p), method=_NAMES[method])[1]]
