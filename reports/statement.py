"""What the finance reports show: a forecast, and the books of its points liability; and the answer in words."""

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
from scenarios.numerals import integer, money, percent
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
THIRD_TITLES: dict[str, str] = {
    "allocated": "Allocated to points so far",
    "revenue": "Revenue so far",
    "cost": "Cost so far",
    "deferred": "Deferred",
    "owed_to_partner": "Due to the third party so far",
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
    plan: tuple[float, ...] | None = None
    """the budget month by month; None = spread evenly"""

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
            return spread_of(self.cost_values.cumsum(axis=1), lucky.cumsum(axis=1))
        return spread_of(self.cost_values, lucky)

    def whole_cost(self) -> Floats:
        """(6,) the same of the whole period."""
        return spread_of(self.cost_values.sum(axis=1), self._lucky_cost().sum(axis=1))

    def budget_so_far(self) -> Floats:
        """(months,) budget from the start to each month end; nothing where none was given."""
        risk, months = self.forecast.budget, len(self.forecast.months)
        if risk is None:
            return np.zeros(0)
        return np.cumsum(np.full(months, risk.budget / months) if self.plan is None else np.asarray(self.plan, float))

    def closing(self) -> Floats:
        """(months,) deferred revenue at month ends, currency units; nothing without points."""
        return np.zeros(0) if self.roll is None else self.roll.total()["closing"] / self.unit

    def closing_spread(self) -> Floats | None:
        """(months, 4) P10, P50, P90 and mean of the balance at month ends over all replications, currency units."""
        if self.liability is None:
            return None
        rows = self.liability.lines
        return np.asarray(rows.loc[rows["line"] == "closing", ["p10", "p50", "p90", "mean"]].to_numpy(float))

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


def answer(statement: Statement) -> str:
    """What the programme costs, how far that can run, when the warning comes and what is owed at the end."""
    f, currency = statement.forecast, statement.forecast.currency
    p10, _, p90, mean, *_ = statement.whole_cost()
    sales = float(f.of("gross_sales").sum(axis=1).mean())
    said = f"{f.name} is expected to cost {money(mean, currency)} over {months_long(f)}"
    said += f" ({percent(mean / sales)} of gross sales)" if sales else ""
    if len(f.values) > 1:
        said += f"; in one case of ten it costs more than {money(p90, currency)}, in one of ten less than {money(p10, currency)}"
    parts = [f"{said}."]
    if f.budget is not None:
        parts.append(budget_sentence(statement))
    if statement.roll is not None:
        owed, moves = statement.closing()[-1], statement.point_moves()
        waiting = int(moves["pending"][-1])
        parts.append(
            f"At the end of {month_name(f.months[-1])} {money(owed, currency)} of revenue is deferred{_band(statement)} for "
            f"{integer(moves['outstanding'][-1])} points outstanding"
            + (f", {integer(waiting)} of which cannot be spent yet." if waiting else ".")
        )
    return " ".join(parts)


def _band(statement: Statement) -> str:
    spread = statement.closing_spread()
    if spread is None or len(statement.forecast.values) < 2:
        return ""
    low, high = spread[-1, 0], spread[-1, 2]
    return f" (P10 {money(low)}, P90 {money(high)})"


def budget_sentence(statement: Statement) -> str:
    """What is at risk beyond the budget, how likely that is, and when the warning comes."""
    f, risk = statement.forecast, statement.forecast.budget
    assert risk is not None
    whole, currency = risk.budget, f.currency
    level = percent(risk.level, 0)
    at_risk = (
        f"{money(risk.at_risk, currency)} beyond the budget of {money(whole, currency)} are at risk ({level} quantile)"
        if risk.at_risk > 0
        else f"the budget of {money(whole, currency)} leaves {money(-risk.at_risk, currency)} of room at the {level} quantile"
    )
    warned = None if risk.early_warning is None else f.months[risk.early_warning]
    chance = f"the chance to overrun it is {percent(risk.probability, 0)}"
    when = (
        f"the warning (a chance of {percent(risk.alarm, 0)} that cost runs ahead of budget) comes in {month_name(warned)}"
        if warned is not None
        else "no month end comes to a warning"
    )
    return f"{at_risk[0].upper()}{at_risk[1:]}; {chance}, and {when}."


def left_out(statement: Statement) -> list[str]:
    """What the statement does not hold, in sentences; the forecast's own notes first."""
    both = [*statement.forecast.notes, *(statement.liability.notes if statement.liability else [])]
    said = list(dict.fromkeys(both))
    if statement.roll is None:
        said.append("No points are issued, so there is no points liability here.")
    else:
        said.append(
            f"The books, month by month, are those of one course of events: {statement.basis}. P10 and P90 of the balance "
            "are over all replications."
        )
        if statement.cost is None and statement.forecast.cohorts.opening.any():
            said.append("The incremental-cost view is of programmes that start without points; from a snapshot there is none.")
        own = "" if statement.third else ", and the points are taken as the company's own"
        said.append(f"Tax is not modelled{own}.")
    return said


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
