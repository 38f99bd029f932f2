"""The distinct purchase histories of a panel, in days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scenarios.calibration.panel import Panel
from sim.typing import Ints


@dataclass(frozen=True)
class Records:
    """The distinct histories of a panel in days, whatever the clock: full gaps, first and last day, and how many members share
    each; `row` as in Histories, `early` and `late` the days of all gaps, `whose` the member, `later` how many purchases but first
    ones a day saw.
    """

    gaps: Ints
    first: Ints
    final: Ints
    count: Ints
    row: Ints
    early: Ints
    late: Ints
    whose: Ints
    later: Ints


def records(panel: Panel) -> Records:
    """The distinct histories in `panel`."""
    firsts = panel.firsts()
    counts = panel.purchases()
    table = np.column_stack([counts - 1, panel.day[firsts], panel.day[firsts + counts - 1]])
    unique, row, count = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    inner = np.ones(len(panel.day), dtype=bool)
    inner[firsts] = False
    late = np.flatnonzero(inner)
    later = np.bincount(panel.day[late], minlength=panel.days)
    gaps, first, final = unique.T
    return Records(gaps, first, final, count, row.reshape(-1), panel.day[late - 1], panel.day[late], panel.member[late], later)
