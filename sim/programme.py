"""What the programme gives and asks: tiers, earning, rewards, expiry, and its table of incentives."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal, TypeVar

from pydantic import Field

from sim.errors import InputError
from sim.incentive import Incentive, Partner
from sim.limits import MOST_AMOUNT
from sim.part import Amount, Base, Count, Money, Part
from sim.typing import Floats, Ints

Months = Annotated[int, Field(ge=1, le=120)]
Month = TypeVar("Month", int, Ints, Floats)
MOST_INCENTIVES = 62
"""as many as fit the bits of a word"""


class Earning(Part):
    """How a purchase turns into points: amount x points_per_unit x tier x incentives, made whole."""

    points_per_unit: Annotated[float, Field(ge=0, le=1000)] = 1.0
    """points for each currency unit, in steps of 0.001"""
    rounding: Literal["down", "nearest"] = "down"
    """how the points of a purchase are made whole"""
    base: Base = "paid"
    """the amount that earns: list value, or what is paid after tier price, incentives and coupons (points redeemed as a
    voucher are a way of paying and earn too)"""
    pending_days: Annotated[int, Field(ge=0, le=60)] = 0
    """whole days until points can be spent; their validity runs from then on"""
    cap_per_month: Annotated[int, Field(ge=1, le=MOST_AMOUNT)] | None = None
    """most points that purchases can earn a member in one calendar month; points of incentives are not counted"""
    clawback: Literal["negative", "to_zero", "none"] = "negative"
    """points of a purchase that is returned (market.refunds): taken back, and what is no longer there is owed and repaid by later
    points; taken back as far as they are there; or left to the member"""


class Requires(Part):
    """What a member must reach inside the qualification window; every figure named must be reached."""

    spend: Money | None = None
    """currency units, on the base that qualification names"""
    points: Count | None = None
    """points earned by purchases, multipliers included"""
    purchases: Count | None = None
    """number of purchases"""


class Tier(Part):
    """One level of the card."""

    name: Annotated[str, Field(pattern=r"^[^.]+$")]
    """a dot divides tiers in the names of measures, migration.silver.gold"""
    requires: Requires = Requires()
    """empty for the first tier, which everybody has"""
    price: Annotated[float, Field(gt=0, le=1)] = 1.0
    """share of the list price that members of this tier pay"""
    earning: Annotated[float, Field(ge=0, le=20)] = 1.0
    """multiplies points earned"""
    free_delivery: bool = False
    """the programme bears the delivery cost of economics; it draws members by the market.delivery_charge that it spares them"""
    care_cost_per_month: Money = 0.0
    """cost of soft benefits (adviser, early access, events, community) for each member of the tier and month"""
    care_value_per_month: Money = 0.0
    """what those soft benefits are worth to the member, currency units a month"""


class Qualification(Part):
    """How members move between tiers."""

    window: Literal["cumulative", "calendar", "rolling"] = "cumulative"
    """cumulative = since joining; calendar = blocks of `months` counted from January; rolling = the current
    calendar month and the `months` - 1 before it"""
    months: Months = 12
    """length of a calendar or rolling window; calendar windows must divide 12 or be a multiple of it"""
    base: Base = "paid"
    """what counts as spend"""
    upgrade: Literal["at_once", "at_review"] = "at_once"
    review_every_months: Months = 12
    """month ends at which tiers are reviewed, counted from January"""
    downgrade: Literal["never", "one_step", "full"] = "never"
    """what a review does to a member who no longer qualifies; full = to the tier they qualify for"""
    grace_months: Annotated[int, Field(ge=0, le=60)] = 0
    """a tier is kept at reviews until so many months have passed since the one at which the member first did not qualify"""

    def check(self) -> None:
        if self.window == "calendar" and 12 % self.months and self.months % 12:
            raise ValueError(f"months must divide 12 or be a multiple of 12 for calendar windows, found {self.months}")


class Fee(Part):
    """What membership costs the member. Who would join at that price is not modelled: everybody does."""

    amount: Amount
    """currency units, paid on joining and at each renewal by members who are active customers then; who has lapsed pays again at
    the first purchase after coming back, and so do members of a programme that had no fee"""
    every_months: Months = 12
    """length of the term that is paid for, of 365 / 12 days a month"""

    @property
    def days(self) -> float:
        """Days of the term, up to the next 2^-20: terms then add up exactly, from whatever day they are counted, and twelve
        months do not end before their year has."""
        return math.ceil(self.every_months * 365 * 2**20 / 12) / 2**20


class Reward(Part):
    """Something that points buy."""

    name: str
    points: Annotated[int, Field(ge=1, le=MOST_AMOUNT)]
    """price in points"""
    kind: Literal["goods", "service", "voucher", "tier_upgrade", "longer_validity"] = "goods"
    """voucher = money off the purchase at which it is redeemed, as many as fit into points and price; tier_upgrade = next tier at
    once, kept as if earned (a review may take it, if the programme downgrades at all); longer_validity = all points of the
    member, those to come included, live `months` longer (of 30 days where they lapse after inactivity); a member buys it once,
    and not where points never lapse"""
    value: Money = 0.0
    """worth to the member in currency units, by which it draws; for a voucher, the money off; left out, it counts by its points
    at the best value of the catalogue, or as a whole basket where no reward states one"""
    cost: Money = 0.0
    """cost to the company in currency units; a voucher's cost is its value and cost stays 0"""
    months: Annotated[int, Field(ge=0, le=24)] = 0
    """months added by longer_validity"""
    partner: Partner | None = None
    """who supplies it or shares its cost"""

    def check(self) -> None:
        if self.kind == "voucher" and (self.cost or not self.value):
            raise ValueError("a voucher needs a value and no cost: it costs what it takes off")
        if (self.kind == "longer_validity") != (self.months > 0):
            raise ValueError("months belong to longer_validity, and only there")


class Expiry(Part):
    """When points lapse. Points are spent first in, first out; a lapse never touches points already spent."""

    rule: Literal["never", "rolling", "fixed_date", "inactivity"] = "never"
    """rolling = at the end of the month, `months` after the month they were credited; fixed_date = at the end of
    `month`, in the first such date at least `months` whole months after; inactivity = all points, `months` after the last
    purchase, counted as 30 days each"""
    months: Annotated[int, Field(ge=0, le=60)] = 12
    """0 only with fixed_date: the next such date"""
    month: Annotated[int, Field(ge=1, le=12)] = 12
    """calendar month of a fixed date; points lapse at its end"""

    def check(self) -> None:
        if self.months == 0 and self.rule in ("rolling", "inactivity"):
            raise ValueError(f"months must be 1 or more for the rule {self.rule}")

    def next_lapse(self, month: Month, first: int) -> Month:
        """The first month from `month` on at whose end points can lapse, by a rolling validity or on a fixed date; months count
        from one that is number `first` (1 .. 12) of its year."""
        return month + (self.month - first - month) % 12 if self.rule == "fixed_date" else month


class Programme(Part):
    """A loyalty programme. With everything left out it is no programme: list price, no points."""

    name: str = "no programme"
    description: str = ""
    earning: Earning | None = None
    """none = no points"""
    tiers: list[Tier] = [Tier(name="member")]
    """from the lowest to the highest"""
    qualification: Qualification = Qualification()
    rewards: list[Reward] = []
    """a member who redeems takes the dearest that the balance affords; of vouchers, as many as points and price allow"""
    catalogue_refresh_months: Annotated[int, Field(ge=0, le=60)] = 0
    """rewards are renewed every so many months; 0 = never (their appeal fades with the effect catalogue_wear)"""
    catalogue_refresh_cost: Money = 0.0
    """cost of one refresh, currency units"""
    expiry: Expiry = Expiry()
    card_valid_months: Annotated[int, Field(ge=1, le=120)] | None = None
    """the card lapses this many months (of 30 days) after the last purchase: points, coupons and tier are lost, birthday and
    anniversary pass unnoticed, until the next purchase; a tier lost so is no downgrade, which is what a review does"""
    fee: Fee | None = None
    """none = membership is free"""
    incentives: list[Incentive] = []

    def check(self) -> None:
        """Each check is made though others fail, so that all that is wrong is told."""
        if not self.tiers:
            raise ValueError("tiers: at least one tier is needed")
        checks: list[Callable[[], None]] = [self._check_tiers, self._check_points]
        checks += [partial(self._check_incentive, incentive) for incentive in self.incentives]
        problems = []
        for check in (*checks, self._check_order_on_joining):
            try:
                check()
            except ValueError as wrong:
                problems.append(str(wrong))
        if len(self.incentives) > MOST_INCENTIVES:
            problems.append(f"incentives: found {len(self.incentives)} rows, allowed are at most {MOST_INCENTIVES}")
        if problems:
            raise InputError(*problems)

    def _check_tiers(self) -> None:
        for label, rows in (("tiers", self.tiers), ("rewards", self.rewards), ("incentives", self.incentives)):
            if len({row.name for row in rows}) != len(rows):
                raise ValueError(f"{label}: two have the same name")
        if self.tiers[0].requires != Requires():
            raise ValueError("tiers: the first tier is everybody's and can require nothing")
        for lower, upper in zip(self.tiers, self.tiers[1:], strict=False):
            if upper.requires == Requires():
                raise ValueError(f"tiers: {upper.name} requires nothing; only the first tier can")
            for key in ("spend", "points", "purchases"):
                low, high = getattr(lower.requires, key), getattr(upper.requires, key)
                if low is not None and (high is None or high < low):
                    raise ValueError(f"tiers: {upper.name} requires less {key} than {lower.name}")

    def _check_points(self) -> None:
        if self.earning is not None:
            most = self.earning.points_per_unit * max(t.earning for t in self.tiers) * most_multiplied(self.incentives)
            if most > 1e6:
                found = f"a purchase could earn {most:g} points a currency unit"
                raise ValueError(f"earning: {found}, at most 1,000,000 are possible")
            return
        if self.rewards or self.expiry.rule != "never":
            raise ValueError("rewards and expiry need points: add earning")
        for tier in self.tiers:
            if tier.requires.points is not None or tier.earning != 1:
                raise ValueError(f"tiers: {tier.name} asks for points or multiplies them, but the programme has no earning")
        for incentive in self.incentives:
            if incentive.during.earning != 1:
                raise ValueError(f"incentives: {incentive.name} multiplies points, but the programme has no earning")
            if incentive.give.points:
                raise ValueError(f"incentives: {incentive.name} gives points, but the programme has no earning")

    def _check_incentive(self, incentive: Incentive) -> None:
        names = [tier.name for tier in self.tiers]
        for name in [*incentive.only.tiers, incentive.when.tier, incentive.give.tier]:
            if name is not None and name not in names:
                raise ValueError(f"incentives: {incentive.name} names the tier {name!r}, which is not among {', '.join(names)}")
        for does, name in (("waits for", incentive.when.tier), ("lifts to", incentive.give.tier)):
            if name == names[0]:
                raise ValueError(f"incentives: {incentive.name} {does} the tier {name!r}, in which everybody begins")
        part = [names.index(name) for name in incentive.only.tiers or names]
        if incentive.when.tier and names.index(incentive.when.tier) > max(part):
            raise ValueError(f"incentives: {incentive.name} waits for {incentive.when.tier}, below which its only.tiers end")
        if incentive.give.tier and names.index(incentive.give.tier) <= min(part):
            raise ValueError(f"incentives: {incentive.name} lifts to {incentive.give.tier}, from which its only.tiers begin")
        if incentive.when.event == "points_expiring" and self.expiry.rule == "never":
            raise ValueError(f"incentives: {incentive.name} waits for points to expire, but expiry is never")

    def _check_order_on_joining(self) -> None:
        """Rows act in the order of the table, so that a row for a tier stands below one that lifts to it."""
        begins = self.tiers[0].name
        there = {begins}  # where a member can be on joining, row by row
        for incentive in self.incentives:
            if incentive.when.event != "sign_up":
                continue
            if incentive.only.tiers and not there & set(incentive.only.tiers):
                wanted = " or ".join(incentive.only.tiers)
                raise ValueError(
                    f"incentives: {incentive.name} is for who is {wanted} on joining, when everybody is {begins}; allowed is a "
                    "row below one that lifts to it on joining: rows act in the order of the table"
                )
            there |= {incentive.give.tier} if incentive.give.tier else set()


def is_programme(programme: Programme) -> bool:
    """Whether it gives anything at all; of what gives nothing no cost is counted."""
    giving = {"earning", "fee", "incentives"}
    return programme.model_dump(include=giving) != Programme().model_dump(include=giving) or any(
        tier.price < 1 or tier.free_delivery or tier.care_cost_per_month for tier in programme.tiers
    )


def most_multiplied(incentives: list[Incentive]) -> float:
    """By how much incentives can multiply the points of one purchase: of those valid on one day the best of each group."""
    rows = [(row, row.valid_from or dt.date.min, row.valid_until or dt.date.max) for row in incentives if row.during.earning > 1]
    most = 1.0
    for day in {start for _, start, _ in rows}:
        best: dict[str, float] = {}
        for row, start, end in rows:
            if start <= day <= end:
                group = f"\0{row.name}" if row.group is None else row.group
                best[group] = max(best.get(group, 1.0), row.during.earning)
        most = max(most, math.prod(best.values()))
    return most
