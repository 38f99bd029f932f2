"""Fitted beside actual: how many purchases members make, and how many days lie between two of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from scenarios.calibration.candidates import Fit
from scenarios.calibration.expectations import fitted_days
from scenarios.calibration.lives import joiners
from scenarios.calibration.panel import Panel
from sim.typing import Ints

_FREQUENCY_EDGES = (1, 2, 3, 4, 5, 6, 8, 11, 16, 21, 31, 41, 61, 81, 121, 201)
_GAP_EDGES = (1, 2, 3, 4, 5, 6, 7, 8, 11, 15, 22, 29, 43, 61, 91, 121, 181, 271, 366)


def distributions(fit: Fit, panel: Panel, rng: np.random.Generator, copies: int = 10) -> dict[str, Any]:
    """Members by number of purchases in the fit, and gaps by length in days: labels, actual and fitted
    counts.
    """
    births = panel.firsts()[joiners(fit.candidate.model, fit.theta, fit.data)]
    most = int(panel.purchases().max())
    frequency_edges = _edges(_FREQUENCY_EDGES, most)
    gap_edges = _edges(_GAP_EDGES, panel.days - 1)
    counts, gaps = np.zeros(len(frequency_edges) - 1), np.zeros(len(gap_edges) - 1)
    for member, day in fitted_days(fit, panel, rng, copies):
        member = np.concatenate([np.arange(len(births)), member])
        day = np.concatenate([panel.day[births], day])
        bought = np.bincount(member)
        counts += np.histogram(np.clip(bought[bought > 0], 1, most), frequency_edges)[0] / copies
        gaps += np.histogram(np.clip(_gaps(member, day), 1, panel.days - 1), gap_edges)[0] / copies
    actual = np.histogram(panel.purchases(), frequency_edges)[0]
    actual_gaps = np.histogram(_gaps(panel.member, panel.day), gap_edges)[0]
    return {
        "frequency": _compared(frequency_edges, actual, counts),
        "gaps": _compared(gap_edges, actual_gaps, gaps),
    }


def _compared(edges: list[int], actual: Any, fitted: Any) -> dict[str, Any]:
    """Bins with their labels, without the empty ones at the end."""
    filled = np.flatnonzero((actual > 0) | (fitted >= 0.5))
    size = int(filled[-1]) + 1 if len(filled) else 1
    return {
        "labels": _labels(edges)[:size],
        "actual": actual[:size].tolist(),
        "fitted": fitted[:size].round(1).tolist(),
    }


def _gaps(member: Ints, day: Ints) -> Ints:
    order = np.lexsort((day, member))
    same = np.diff(member[order]) == 0
    gaps: Ints = np.diff(day[order])[same]
    return gaps


def _edges(edges: tuple[int, ...], most: int) -> list[int]:
    kept = [e for e in edges if e <= most]
    return [*kept, most + 1]


def _labels(edges: list[int]) -> list[str]:
    return [str(a) if b == a + 1 else f"{a}–{b - 1}" for a, b in pairwise(edges)]
