"""The rows of the incentive table: trigger, condition, effect, budget, limit, stacking, validity."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from sim.limits import MOST_AMOUNT
from sim.part import Amount, Base, Count, Money, Part, Share


class Partner(Part):
    """Another company that supplies a reward or gift, or shares its cost."""

    name: str
    charge: Money = 0.0
    """what the partner bills for each unit handed over, currency units, on top of `cost`"""
    recovered: Share = 0.0
    """share of cost and charge together that the partner pays back"""

    def check(self) -> None:
        if not self.charge and not self.recovered:
            raise ValueError("it neither charges nor pays back anything: give charge or recovered")


class Coupon(Part):
    """Money off one later purchase."""

    value: Amount
    """currency units"""
    min_spend: Money = 0.0
    """amount after tier and campaign prices that the purchase must reach"""
    days: Annotated[int, Field(ge=1, le=3650)] = 30
    """days from its issue until it lapses"""


class Gift(Part):
    """Goods handed over once."""

    cost: Money
    """cost to the company, currency units"""
    value: Money
    """worth to the member, currency units"""
    partner: Partner | None = None
    """who supplies it or shares its cost"""


_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "spend_in_window": (("reach",), ("window", "base")),
    "count_in_window": (("reach",), ("window",)),
    "calendar": (("days_of_month",), ("days_before",)),
    "birthday": ((), ("days_before",)),
    "inactivity": (("days",), ()),
    "tier_reached": (("tier",), ()),
    "task": (("per_month",), ()),
    "points_expiring": (("days",), ()),
}
"""Keys that a trigger needs, and keys that it may have, by event."""


class When(Part):
    """The trigger of an incentive."""

    event: Literal[
        "sign_up",
        "first_purchase",
        "purchase",
        "spend_in_window",
        "count_in_window",
        "calendar",
        "birthday",
        "inactivity",
        "anniversary",
        "tier_reached",
        "task",
        "points_expiring",
    ]
    """sign_up: joining the programme (for members already customers: its launch); first_purchase: the first in the run;
    purchase: every purchase; calendar: the days of the month named; birthday: the member's birthday month; inactivity: so many
    days without a purchase, lapsed or not (who is past them at the launch, or when the row becomes valid, is reached then)"""
    window: Literal["month", "quarter", "year", "programme"] = "month"
    """window of spend_in_window and count_in_window, by calendar"""
    reach: Amount | None = None
    """spend (currency units) or number of purchases to reach inside the window"""
    base: Base = "paid"
    """what counts for spend_in_window"""
    days_of_month: list[Annotated[int, Field(ge=1, le=31)]] = []
    """days of a calendar trigger"""
    days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """days without a purchase for inactivity; days ahead for points_expiring"""
    days_before: Annotated[int, Field(ge=0, le=60)] = 0
    """the message and the gifts of a birthday or calendar trigger come this many days ahead"""
    tier: str | None = None
    """tier reached, for tier_reached"""
    per_month: Annotated[float, Field(gt=0, le=31)] | None = None
    """tasks (review, shared poster, post) that an active member does in a month, for task; Poisson"""

    @property
    def keys(self) -> frozenset[str]:
        """The keys that the event has a use for."""
        needed, further = _KEYS.get(self.event, ((), ()))
        return frozenset(("event", *needed, *further))

    @model_serializer(mode="wrap")
    def _used(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in whole(self).items() if key in self.keys}

    def check(self) -> None:
        for key in _KEYS.get(self.event, ((), ()))[0]:
            if not getattr(self, key):
                raise ValueError(f"event {self.event} needs the key {key}")
        for key in sorted(self.model_fields_set - self.keys):
            raise ValueError(f"event {self.event} has no use for the key {key}")
        if self.event == "count_in_window" and self.reach != int(self.reach or 0):
            raise ValueError(f"event count_in_window needs a whole number to reach, found {self.reach:g}")


class Only(Part):
    """The condition of an incentive; every key named must hold."""

    tiers: list[str] = []
    """tiers that take part; none = all"""
    segments: list[str] = []
    """segments that take part; none = all"""
    category: str | None = None
    """the purchase must be in this category of market"""
    min_basket: Money = 0.0
    """list value that the purchase must reach"""


class Give(Part):
    """What an incentive gives each time it is triggered."""

    points: Count = 0
    """points credited at once"""
    coupon: Coupon | None = None
    """a coupon; a second of the same incentive replaces the first"""
    gift: Gift | None = None
    tier: str | None = None
    """lifts the member to this tier where theirs is lower"""


class During(Part):
    """What holds for purchases while a purchase, calendar or birthday trigger is on."""

    earning: Annotated[float, Field(ge=0, le=20)] = 1.0
    """multiplies points earned"""
    price: Annotated[float, Field(gt=0, le=1)] = 1.0
    """share of the price, after the tier's, that is paid"""
    free_delivery: bool = False
    """as of a tier"""


class Incentive(Part):
    """One row of the incentive table: trigger, condition, effect, budget, limit, stacking, validity."""

    name: str
    when: When
    only: Only = Only()
    give: Give = Give()
    during: During = During()
    message: bool = False
    """what is given comes with a message, at each moment of the trigger (not with purchases and tasks); a member who has opted
    out of messages gets neither"""
    budget: Amount | None = None
    """currency units for the whole run, shared by all members: coupons count at face value when issued, gifts at cost
    net of what partners charge and pay back, points at economics.cost_per_point; the first grant that does not fit closes the
    incentive for good"""
    limit: Annotated[int, Field(ge=1, le=MOST_AMOUNT)] | None = None
    """grants a member may have in the run; budget and limit bound what is given, not what holds during a time"""
    group: str | None = None
    """of the incentives in one group a purchase has only the best multiplier, price and coupon; of different groups, all"""
    valid_from: dt.date | None = None
    """first day on which it can be triggered; of a calendar trigger its own days count, and what comes days_before them may come
    before valid_from"""
    valid_until: dt.date | None = None
    """last day on which it can be triggered; a calendar day after it is not announced"""

    def check(self) -> None:
        lasting = self.during != During()
        if lasting and self.when.event not in ("purchase", "calendar", "birthday"):
            raise ValueError(f"during works with purchase, calendar and birthday, not with {self.when.event}")
        if not lasting and self.give == Give() and not self.message:
            raise ValueError("it neither gives anything nor sends a message")
        if lasting and self.give == Give() and (self.budget or self.limit):
            raise ValueError("budget and limit bound what is given, and nothing is; drop them, or give something")
        if self.budget and not (self.give.points or self.give.coupon or self.give.gift):
            raise ValueError("a budget counts points, coupons and gifts, and it gives none; drop the budget, or set a limit")
        bought = ("purchase", "first_purchase", "spend_in_window", "count_in_window", "tier_reached", "task")
        if self.message and self.when.event in bought:
            raise ValueError(f"a message cannot go with {self.when.event}: the member is there already")
        at_till = self.when.event in ("purchase", "first_purchase", "spend_in_window", "count_in_window")
        if (self.only.category or self.only.min_basket) and not (at_till or lasting):
            raise ValueError(f"category and min_basket are conditions on a purchase, {self.when.event} has none")
        if self.give.tier is not None and self.when.event == "tier_reached":
            raise ValueError("it lifts to a tier when a tier is reached: a lift among such gifts does nothing, drop give.tier")
        if self.valid_from and self.valid_until and self.valid_from > self.valid_until:
            raise ValueError("valid_from is later than valid_until")
