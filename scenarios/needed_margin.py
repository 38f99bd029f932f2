"""From which gross margin a design pays: every gain rests on this number, which a scenario states and no run draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scenarios.answer import COST, DECIDES
from scenarios.figure import LEVEL
from scenarios.quantiles import prediction_quantile
from sim.typing import Floats

MARGINS = np.arange(1001) / 1000
"""Gross margins that are looked at, shares of list value: as fine as they are printed."""


@dataclass(frozen=True)
class NeededMargin:
    """Gross margins, shares of list value, from which a design gains; None where it does at none up to 1.

    One that sells less, and lives on its fees, gains only up to a margin: the `until` of each is the highest, None where it
    gains at all higher ones up to 1.
    """

    stated: float
    """what the scenario says"""
    on_average: float | None
    """lowest at which the mean of the replications is above 0"""
    surely: float | None
    """lowest at which the 90 % interval lies above 0; None for one replication, which has none"""
    on_average_until: float | None = None
    surely_until: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The margins as they stand in summary.json."""
        return dict(self.__dict__)


def needed_margin(runs: pd.DataFrame, stated: float) -> NeededMargin | None:
    """The gross margin that a design needs. Members do not see it: at another one they would buy the same, so the gain at each
    follows from the same runs.

    runs: a row a replication, a column a measure, at the gross margin `stated`; None where that is 0, which hides what the
    purchases gained would bring.
    """
    if stated == 0:
        return None
    paid = runs[list(COST)].sum(axis=1) - runs["fee_income"]
    gross = (runs[DECIDES] + paid).to_numpy()
    gains = gross[:, None] * (MARGINS / stated) - paid.to_numpy()[:, None]
    low = prediction_quantile(gains, (1 - LEVEL) / 2)
    on_average, on_average_until = _above(gains.mean(axis=0))
    surely, surely_until = _above(low) if len(runs) > 1 else (None, None)
    return NeededMargin(stated, on_average, surely, on_average_until, surely_until)


def _above(gains: Floats) -> tuple[float | None, float | None]:
    """Lowest and highest of MARGINS at which there is a gain; no highest where it is 1."""
    above = np.flatnonzero(gains > 0)
    if not len(above):
        return None, None
    return float(MARGINS[above[0]]), float(MARGINS[above[-1]]) if above[-1] + 1 < len(MARGINS) else None
