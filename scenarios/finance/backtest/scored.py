"""A forecast of each month beside what happened: error of the middle, band, skill against forecasts that need no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scenarios.finance.backtest.activity import Activity
from scenarios.finance.backtest.lots import Points
from scenarios.finance.forecast_document import spread_of
from scenarios.finance.forecast_scores import ForecastScore, naive_forecasts, score_forecast
from sim import tally
from sim.outcome import Outcome
from sim.tally import COST_LINES
from sim.typing import Floats, Ints

CLOSE = 0.05
"""relative error of the whole period that is close enough whatever the band says"""
SAME = 0.01
"""of its mean month: by so much a line may differ from a multiple of another and still be one series with it"""


@dataclass(frozen=True)
class Line:
    """A figure that is forecast and scored."""

    name: str
    title: str
    unit: str
    whole: str
    """how months make the whole period: sum, mean, or last (month end)"""
    main: bool = False
    """whether trust is judged by it"""


LINES = (
    Line("cost", "Cost of benefits", "money", "sum", True),
    Line("points_redeemed", "Points redeemed", "points", "sum", True),
    Line("points_outstanding", "Points outstanding", "points", "last", True),
    Line("active_members", "Active members", "members a month", "mean", True),
    Line("points_issued", "Points issued", "points", "sum"),
    Line("purchases", "Purchases", "purchases", "sum"),
    Line("value", "Value of purchases", "money", "sum"),
)
BY_NAME = {line.name: line for line in LINES}


@dataclass(frozen=True)
class Measure:
    """One line: forecast, actual and scores."""

    line: Line
    actual: Floats
    """(months,)"""
    band: Floats
    """(months, 6) scenarios.finance.forecast_document.SPREAD"""
    simple: dict[str, Floats]
    """other forecasts (months,) by name"""
    past: Floats
    """(months before,)"""
    score: ForecastScore
    whole_actual: float
    whole: Floats
    """(6,) SPREAD of the whole period"""
    whole_simple: dict[str, float]

    @property
    def off(self) -> float:
        """Middle of the whole period / actual - 1; NaN where nothing happened."""
        return float(self.whole[1] / self.whole_actual - 1) if self.whole_actual else float("nan")

    @property
    def inside(self) -> bool:
        """Whether the whole period lies between P10 and P90."""
        return bool(self.whole[0] <= self.whole_actual <= self.whole[2])

    @property
    def beaten(self) -> list[str]:
        """Simple forecasts whose mean absolute error by month was smaller than that of the middle."""
        mine = self.score.mean_absolute_error
        return [name for name, values in self.simple.items() if float(np.abs(values - self.actual).mean()) < mine]

    @property
    def held(self) -> bool:
        """Whether the whole period was inside its band or off by no more than CLOSE."""
        return self.inside or abs(self.off) <= CLOSE


def measure(line: Line, draws: Floats, actual: Floats, past: Floats, others: dict[str, Floats]) -> Measure:
    """Score draws (replications, months) of a line; past: (months before,); others: more forecasts (months,) by name."""
    simple = {**naive_forecasts(past, len(actual)), **others}
    total = _total(line, draws)
    return Measure(
        line=line,
        actual=actual,
        band=spread_of(draws, draws[:0], low=0.0),
        simple=simple,
        past=past,
        score=score_forecast(draws, actual, past, others=dict(others), least=0.0),
        whole_actual=float(_total(line, actual[None])[0]),
        whole=spread_of(total, total[:0], low=0.0),
        whole_simple={name: float(_total(line, values[None])[0]) for name, values in simple.items()},
    )


def one_series(one: Floats, other: Floats) -> bool:
    """Whether one is a fixed multiple of the other, but for SAME: (..., months) each. With one voucher at one price the cost of
    benefits is such a multiple of the points redeemed, and right or wrong with them."""
    if not one.any() or not other.any():
        return False
    return bool((np.abs(one - other * (one.sum() / other.sum())) <= SAME * np.abs(one).mean()).all())


def _total(line: Line, values: Floats) -> Floats:
    """(rows,) of (rows, months)."""
    if line.whole == "last":
        return values[:, -1]
    return np.asarray(values.mean(axis=1) if line.whole == "mean" else values.sum(axis=1))


class Runs:
    """Tallies of the replications of a forecast, by month and tier; `seen` takes each outcome in turn."""

    def __init__(self) -> None:
        self._cubes: list[Ints] = []

    def seen(self, o: Outcome) -> None:
        """Keep what one replication counted."""
        self._cubes.append(o.cube.sum(axis=2))

    def of(self, *names: str) -> Ints:
        """(replications, months, tiers) sum of tallies."""
        at = [tally.NAMES.index(name) for name in names]
        return np.stack([cube[..., at].sum(axis=-1) for cube in self._cubes])

    def draws(self, a: Activity, purchases_each: float, costs: Sequence[str]) -> dict[str, Floats]:
        """(replications, months) of each of LINES, in their units. costs: the cost lines that the table's cost covers."""

        def total(*names: str) -> Floats:
            return np.asarray(self.of(*names).sum(axis=2), np.float64)

        return {
            "cost": total(*costs) / 100,
            "points_redeemed": total("points_redeemed"),
            "points_outstanding": total("outstanding", "pending"),
            "active_members": total("purchases" if a.by_month else "active"),
            "points_issued": total("points_issued"),
            "purchases": total("purchases") * purchases_each,
            "value": total("list_value") / 100,
        }


ON_REDEEMING = ("voucher_value", "reward_cost")


def cost_lines(a: Activity) -> tuple[str, ...]:
    """The engine's cost lines that the cost column covers: those of redeeming where cost is in rows with redemptions only."""
    redeems = a.redeemed > 0
    return ON_REDEEMING if redeems.any() and not a.cost[~redeems].any() else COST_LINES


def actual_of(a: Activity, points: Points) -> dict[str, Floats]:
    """(months of the table,) of each of LINES that the table tells."""
    bought = a.purchases > 0
    inside = bought & (a.month < a.months)
    pairs = np.unique(np.stack([a.month[inside], a.member[inside]]), axis=1)
    found = {
        "active_members": np.bincount(pairs[0], minlength=a.months).astype(float),
        "purchases": a.by_months(a.purchases),
        "value": a.by_months(a.value, bought),
    }
    if "cost" in a.has:
        found["cost"] = a.by_months(a.cost) / 100
    if "points_earned" in a.has:
        found["points_issued"] = a.by_months(a.earned)
    if "points_redeemed" in a.has:
        found["points_redeemed"] = a.by_months(a.redeemed)
        found["points_outstanding"] = points.outstanding.astype(float)
    return found
