"""Ways to tell how many points will ever be redeemed, side by side, with how each would have done earlier."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from reports.statement import Statement
from scenarios.finance.chain_ladder import mack
from scenarios.finance.curves import fit_curve
from scenarios.finance.triangle import Triangle, development_factors, extrapolated_tail, triangle_of
from scenarios.finance.triangle_backtest import backtest, by_chain_ladder, by_curve
from sim.errors import InputError


@dataclass(frozen=True)
class Method:
    """What one method says of the cohorts earned in the forecast, as it stands at its end. NaN: it says nothing."""

    name: str
    says: str
    rate: float
    """points ever redeemed / points issued"""
    to_come: float
    """points outstanding that will be redeemed"""
    se: float
    """standard error of `to_come`, points"""
    outstanding_rate: float
    """to_come / points outstanding; another thing than `rate`"""
    bias: float
    """of the backtest: foretold / redeemed - 1, earlier diagonals of the same triangle"""
    error: float
    """of the backtest: mean absolute error of the total / mean total"""


def methods(statement: Statement) -> list[Method]:
    """The simulation, chain ladder and two curves; those that the triangle does not allow say why. Nothing without points."""
    roll = statement.roll
    if roll is None or not statement.cohort_rows():
        return []
    kept, points = statement.cohort_rows(), roll.points
    known = triangle_of(points)
    left = float(points.outstanding()[kept, -1].sum())
    issued = float(known.issued.sum())
    redeemed = float(known.latest.sum())

    def told(name: str, says: str, to_come: float, se: float, scores: tuple[float, float]) -> Method:
        share = to_come / left if left else math.nan
        return Method(name, says, (redeemed + to_come) / issued, to_come, se, share, *scores)

    ever = sum(float(x) for x in roll.books.expected[kept].ravel())
    unknown = (math.nan, math.nan)
    says = "redemption of each cohort over all replications"
    found = [told("Simulation (the books)", says, ever - redeemed, math.nan, unknown)]
    for name, says, way in _OTHERS:
        try:
            to_come, se, scores = way(known)
        except InputError as reason:
            found.append(Method(name, str(reason), math.nan, math.nan, math.nan, math.nan, *unknown))
            continue
        found.append(told(name, says, to_come, se, scores))
    return found


def _chain_ladder(known: Triangle) -> tuple[float, float, tuple[float, float]]:
    found = mack(known)
    return found.reserve, found.total_se, _scores(known, "chain ladder")


def _with_tail(known: Triangle) -> tuple[float, float, tuple[float, float]]:
    tail = extrapolated_tail(development_factors(known))
    if tail == 1:
        raise InputError("the factors do not fall along a line, so none can be carried on beyond the last age")
    found = mack(known, tail)
    return found.reserve, found.total_se, (math.nan, math.nan)


def _weibull(known: Triangle) -> tuple[float, float, tuple[float, float]]:
    found = fit_curve(known, "weibull")
    return float(found.to_come.sum()), found.total_se, _scores(known, "weibull")


def _loglogistic(known: Triangle) -> tuple[float, float, tuple[float, float]]:
    found = fit_curve(known, "loglogistic")
    return float(found.to_come.sum()), found.total_se, _scores(known, "loglogistic")


def _scores(known: Triangle, name: str) -> tuple[float, float]:
    """Bias and error of a method on the last diagonals; NaN where a backtest is not possible."""
    ways = {"chain ladder": by_chain_ladder, "weibull": by_curve("weibull"), "loglogistic": by_curve("loglogistic")}
    try:
        row = backtest(known, {name: ways[name]}, most=min(3, known.cumulative.shape[1] // 3)).scores().iloc[0]
    except InputError:
        return math.nan, math.nan
    return float(row["bias"]), float(row["total_error"])


_OTHERS: tuple[tuple[str, str, Callable[[Triangle], tuple[float, float, tuple[float, float]]]], ...] = (
    ("Chain ladder", "development factors of the triangle (Mack 1993); nothing after its last age", _chain_ladder),
    ("Chain ladder with a tail", "factors carried on beyond the last age (Mack 1999); too much where points lapse by then",
     _with_tail),
    ("Weibull curve", "fitted to the triangle (Clark 2003); no expiry", _weibull),
    ("Log-logistic curve", "fitted to the triangle (Clark 2003); no expiry", _loglogistic),
)
