"""Where and how long a programme runs: market, economics, horizon."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import Field

from sim.limits import FIRST_YEAR, LAST_YEAR
from sim.part import Money, Part, Share


class Category(Part):
    """A category of goods and its share of purchases."""

    name: str
    share: Share


class Refunds(Part):
    """Purchases that are returned whole for money back. Not to be confused with lapsed members who return."""

    share: Annotated[float, Field(gt=0, lt=1)]
    """of purchases that are returned, each independently of all else; with the programme and without"""
    after_days: Annotated[int, Field(ge=1, le=60)] = 14
    """whole days from the day of the purchase to the return, at the beginning of that day"""


class Market(Part):
    """What is the same for every design."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    """ISO 4217 code; amounts are kept in hundredths"""
    price_inflation: Annotated[float, Field(gt=-0.5, lt=5)] = 0.0
    """relative change of list prices per year, day by day"""
    categories: list[Category] = []
    """shares must add to 1; a purchase belongs to one category"""
    delivery_charge: Money = 0.0
    """what delivery costs the member on an average purchase, currency units; with free delivery they are spared it, which draws
    as a price cut of as much on a usual basket does; 0 = free delivery is felt by nobody"""
    refunds: Refunds | None = None
    """none = every purchase is kept"""

    def check(self) -> None:
        if len({c.name for c in self.categories}) != len(self.categories):
            raise ValueError("two categories have the same name")
        total = sum(c.share for c in self.categories)
        if self.categories and abs(total - 1) > 1e-9:
            raise ValueError(f"the shares of the categories add to {total:g}, they must add to 1")


class Economics(Part):
    """What things cost the company."""

    gross_margin: Share = 0.4
    """gross margin before any benefit, share of list value"""
    message_cost: Money = 0.0
    """one message, currency units"""
    delivery_cost: Money = 0.0
    """delivery cost of an average purchase that free delivery moves to the programme, currency units"""
    cost_per_point: Money = 0.0
    """expected cost of a point, currency units; used to count points against budgets, never as a benefit cost"""
    set_up_cost: Money = 0.0
    """once, at the launch"""
    running_cost_per_month: Money = 0.0
    """technology and staff of the programme"""
    discount_rate: Annotated[float, Field(ge=0, lt=1)] = 0.08
    """per year, for lifetime value and present values"""


class Horizon(Part):
    """The period that is simulated."""

    start: dt.date = dt.date(2027, 1, 1)
    """day 0; must be the first of a month"""
    months: Annotated[int, Field(ge=1, le=120)] = 24

    def check(self) -> None:
        if self.start.day != 1:
            raise ValueError(f"start must be the first day of a month, found {self.start}")
        if not FIRST_YEAR <= self.start.year <= LAST_YEAR:
            raise ValueError(f"start must lie in a year from {FIRST_YEAR} to {LAST_YEAR}, found {self.start}")

    @property
    def end(self) -> dt.date:
        """The last day."""
        return month_start(self.start, self.months) - dt.timedelta(days=1)


def month_start(date: dt.date, later: int) -> dt.date:
    """First day of the month so many months after that of `date`."""
    count = date.year * 12 + date.month - 1 + later
    return dt.date(count // 12, count % 12 + 1, 1)
