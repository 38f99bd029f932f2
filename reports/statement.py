"""What the finance reports show: a forecast, and the books of its points liability."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from scenarios.finance.chain_ladder import Mack, mack
from scenarios.finance.cost_view import CostView
from scenarios.finance.forecast_document import LINES, POINT_LINES, SPREAD, Forecast, spread_of
from scenarios.finance.liability import Liability
from scenarios.finance.roll_forward import RollForward
from scenarios.finance.third_party import ThirdParty
from scenarios.finance.triangle import triangle_of
from sim.errors import InputError
from sim.measures import LINE_TITLES
from sim.typing import Floats, Ints

TITLES: dict[str, str] = {
    **LINE_TITLES,
    "benefit_cost": "Benefit cost",
    "fixed_cost": "Fixed cost",
    "points_earned_at_expected_cost": "Points earned, at expected cost (memo)",
    "gross_sales": "Gross sales",
    "returned_sales": "Returned sales",
    "refunds": "Refunds",
    "net_sales": "Net sales",
    "gross_margin": "Gross margin",
    "fee_income": "Membership fees",
    "net_margin": "Net margin",
    "incremental_margin": "Incremental margin",
}
POINT_TITLES: dict[str, str] = {
    "points_issued": "Points issued",
    "points_redeemed": "Points redeemed",
    "points_expired": "Points expired",
    "points_clawed_back": "Points clawed back",
    "points_outstanding": "Points outstanding at the end",
    "points_pending": "Of them not yet spendable",
    "points_owed": "Points owed after returns, at the end",
}
OWED_TITLES: dict[str, str] = {
    "deferred_revenue": "Deferred revenue at the end",
    "due_to_third_party": "Due to the third party at the end",
}
"""What the company owes for points: the second, where it is agent for a third party's"""
THIRD_TITLES: dict[str, str] = {
    "points": "Points that it is paid for so far",
    "allocated": "Allocated to points so far",
    "revenue": "Revenue so far",
    "cost": "Cost so far",
    "deferred": "Deferred",
    "owed_to_partner": "Due to the third party so far",
}
COST_TITLES: dict[str, str] = {
    "opening": "Opening",
    "accrued": "Accrued on earning",
    "used": "Used on redemption",
    "change_of_estimate": "Change of estimate",
    "clawed_back": "Clawed back",
    "closing": "Closing",
}
ROLL_TITLES: dict[str, str] = {
    "opening": "Opening",
    "deferred": "Deferred on earning",
    "redemption": "Recognised on redemption",
    "breakage": "Recognised breakage",
    "change_of_estimate": "Change of estimate",
    "clawed_back": "Clawed back",
    "closing": "Closing",
}


@dataclass(frozen=True)
class Statement:
    """A forecast with the roll-forward of what is owed for points."""

    forecast: Forecast
    roll: RollForward | None = None
    """deferred revenue; None where the programme has no points"""
    cost: CostView | None = None
    """the incremental-cost view of the same points"""
    tiers: tuple[str, ...] = ("all members",)
    """names of the tiers of the roll-forward, in its order"""
    digits: int = 2
    """of the minor unit: 2 = cents"""
    replication: int = 0
    """that the books are of"""
    liability: Liability | None = None
    """the same of all replications: how far the balance can be off, and the redemption rate of each cohort"""
    third: ThirdParty | None = None
    """the same points as those of a third party, where the reader says that they are"""
    due: Ints | None = None
    """(replications, months) minor units due to the third party so far, paid by then or not"""
    accrued: Floats | None = None
    """(replications, months) balance of the incremental-cost view at month end, minor units"""

    @property
    def unit(self) -> int:
        """Minor units in a unit of currency."""
        return int(10**self.digits)

    @property
    def cost_values(self) -> Floats:
        """(replications, months) benefit and fixed cost, currency units."""
        return np.asarray(self.forecast.of("benefit_cost") + self.forecast.of("fixed_cost"))

    def cost_spread(self, cumulative: bool = False) -> Floats:
        """(months, 6) scenarios.finance.forecast_document.SPREAD of the cost of each month, or from the start to its end."""
        lucky = self._lucky_cost()
        if cumulative:
            return spread_of(self.cost_values.cumsum(axis=1), lucky.cumsum(axis=1), low=0.0)
        return spread_of(self.cost_values, lucky, low=0.0)

    def whole_cost(self) -> Floats:
        """(6,) the same of the whole period."""
        return spread_of(self.cost_values.sum(axis=1), self._lucky_cost().sum(axis=1), low=0.0)

    def budget_so_far(self) -> Floats:
        """(months,) budget from the start to each month end; nothing where none was given."""
        risk = self.forecast.budget
        return np.zeros(0) if risk is None else np.cumsum(risk.plan)

    @property
    def as_agent(self) -> bool:
        """Whether the points are a third party's and the company is agent: nothing is deferred then."""
        return self.third is not None and self.third.role == "agent"

    @property
    def owed(self) -> str:
        """Which of OWED_TITLES `closing` is of."""
        return "due_to_third_party" if self.as_agent else "deferred_revenue"

    def closing(self) -> Floats:
        """(months,) deferred revenue at month ends, or as agent what is due to the third party so far, currency units; nothing
        without points."""
        if self.third is not None and self.as_agent:
            return self.third.owed_to_partner / self.unit
        return np.zeros(0) if self.roll is None else self.roll.total()["closing"] / self.unit

    def closing_values(self) -> Floats | None:
        """(replications, months) the same of all replications; None without books of all."""
        if self.liability is None:
            return None
        return (self.due if self.due is not None and self.as_agent else self.liability.closing) / self.unit

    def closing_spread(self) -> Floats | None:
        """(months, 4) P10, P50, P90 and mean of those."""
        values = self.closing_values()
        return None if values is None else self._spread(values)

    def due_spread(self) -> Floats | None:
        """(months, 4) the same of what is due to the third party so far; None without one."""
        return None if self.due is None else self._spread(self.due / self.unit)

    def accrued_spread(self) -> Floats | None:
        """(months, 4) the same of the incremental-cost view; None where a point has no cost."""
        return None if self.accrued is None else self._spread(self.accrued / self.unit)

    def _spread(self, values: Floats) -> Floats:
        return spread_of(values, values[:0], low=0.0)[..., :4]

    @property
    def basis(self) -> str:
        """Which course of events the books are kept for, in words."""
        count = len(self.forecast.values)
        if count == 1:
            return "the only replication"
        middle = self.liability is not None and self.liability.middle == self.replication
        return f"replication {self.replication + 1} of {count}" + (", whose last balance is the median" if middle else "")

    def point_moves(self) -> dict[str, Ints]:
        """(months,) points issued, redeemed, expired, clawed back, outstanding, pending and owed in the forecast, for the
        replication of the books."""
        f, k = self.forecast, self.replication
        return {name.removeprefix("points_"): f.point_values[k, :, j] for j, name in enumerate(POINT_LINES)}

    def cohort_rows(self) -> list[int]:
        """Cohorts of the ledger that are rows of the triangle, oldest first: earned in the window, with points."""
        if self.roll is None:
            return []
        points = self.roll.points
        issued = points.issued.sum(axis=1) - points.clawed_back.sum(axis=(1, 2))
        order = np.argsort(points.earned, kind="stable")
        return [int(c) for c in order if 0 <= points.earned[c] < points.months and issued[c] > 0]

    def ladder(self) -> Mack | str:
        """Chain ladder on the redemptions of the forecast as they stand at its end, or why there is none."""
        if self.roll is None:
            return "The programme has no points."
        try:
            return mack(triangle_of(self.roll.points))
        except InputError as reason:
            return str(reason)

    def _lucky_cost(self) -> Floats:
        k = [LINES.index(line) for line in ("benefit_cost", "fixed_cost")]
        return np.asarray(self.forecast.luck_values[..., k].sum(axis=-1))


def by_line(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The columns of SPREAD for each line of a table of a forecast."""
    numbers = table[list(SPREAD)].to_numpy(float)
    return {str(line): dict(zip(SPREAD, map(float, row), strict=True)) for line, row in zip(table["line"], numbers, strict=True)}


def months_long(forecast: Forecast) -> str:
    """12 months."""
    count = len(forecast.months)
    return f"{count} month{'s' if count > 1 else ''}"


def month_name(day: dt.date) -> str:
    """March 2027."""
    return day.strftime("%B %Y")


def provenance(statement: Statement) -> dict[str, str]:
    """The rows of the footer and of the provenance sheet."""
    return {readable(name): _text(value) for name, value in statement.forecast.provenance.items() if value is not None}


def readable(name: str) -> str:
    """scenario_digests -> Scenario digests."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}: {_text(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value))
    return str(value)
