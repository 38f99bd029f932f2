"""How well a method would have completed the triangle: on each earlier diagonal, what it foretold and what came.

Methods are scored on the same cells, so that their errors stand side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios.finance.curves import Kind, fit_curve
from scenarios.finance.triangle import Triangle, develop
from sim.errors import InputError
from sim.typing import Floats

Method = Callable[[Triangle], Floats]
"""Completes a triangle: (cohorts, ages) cumulative, what is known unchanged"""


@dataclass(frozen=True)
class Backtest:
    """Points foretold and redeemed between an earlier diagonal and the latest, in points."""

    cells: pd.DataFrame
    """diagonals (how many were taken off), cohort, then for each method the points foretold up to the cohort's last comparable
    age, and `actual`"""
    methods: tuple[str, ...]

    def by_diagonal(self) -> pd.DataFrame:
        """Sums over cohorts: diagonals, actual, a column for each method."""
        return self.cells.groupby("diagonals", as_index=False)[["actual", *self.methods]].sum()

    def scores(self) -> pd.DataFrame:
        """A row for each method: `bias` (sum foretold / sum redeemed - 1), `total_error` (mean absolute error of the sum over
        cohorts / mean sum) and `cohort_error` (sum of absolute errors of cohorts / sum redeemed)."""
        whole, actual = self.by_diagonal(), self.cells["actual"]
        rows = [
            {
                "method": name,
                "bias": whole[name].sum() / whole["actual"].sum() - 1,
                "total_error": (whole[name] - whole["actual"]).abs().mean() / whole["actual"].mean(),
                "cohort_error": (self.cells[name] - actual).abs().sum() / actual.sum(),
            }
            for name in self.methods
        ]
        return pd.DataFrame(rows)


def by_chain_ladder(known: Triangle) -> Floats:
    """The method of scenarios.finance.triangle.develop."""
    return develop(known).completed


def by_curve(kind: Kind = "weibull", last_age: int | None = None) -> Method:
    """The method of scenarios.finance.curves.fit_curve."""
    return lambda known: fit_curve(known, kind, last_age).completed


def backtest(known: Triangle, methods: Mapping[str, Method], most: int | None = None) -> Backtest:
    """Take 1, 2 .. `most` diagonals off (default: a third of the ages), let each method complete the rest, and compare.

    A cohort is compared up to the age that the reduced triangle still knows, since chain ladder sees no further.
    Raises InputError where the triangle has fewer than 5 ages, or a method fails on a reduced triangle.
    """
    ages = known.cumulative.shape[1]
    if ages < 5:
        raise InputError(f"a backtest needs a triangle of at least 5 ages; this one has {ages}")
    rows = []
    for diagonals in range(1, (ages // 3 if most is None else most) + 1):
        past = known.earlier(diagonals)
        cohorts, seen = past.cumulative.shape
        until = np.minimum(known.latest_age[:cohorts], seen - 1)
        each = np.arange(cohorts)
        columns = {name: method(past)[each, until] - past.latest for name, method in methods.items()}
        columns["actual"] = known.cumulative[each, until] - past.latest
        rows += [
            {"diagonals": diagonals, "cohort": int(c), **{name: float(values[c]) for name, values in columns.items()}}
            for c in np.flatnonzero(until > past.latest_age)
        ]
    return Backtest(pd.DataFrame(rows), tuple(methods))
