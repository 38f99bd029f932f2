"""What the programme gives and asks: tiers, earning, rewards, expiry, incentives."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from sim.population import Part, Positive, Share

Money = Annotated[float, Field(ge=0)]
Months = Annotated[int, Field(ge=1, le=120)]
Base = Literal["list", "paid"]


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
    cap_per_month: Annotated[int, Field(ge=1)] | None = None
    """most points that purchases can earn a member in one calendar month; points of incentives are not counted"""
    clawback: Literal["negative", "to_zero", "none"] = "negative"
    """points of a purchase that is returned (market.refunds): taken back, and what is no longer there is owed and repaid by later
    points; taken back as far as they are there; or left to the member"""


class Requires(Part):
    """What a member must reach inside the qualification window; every figure named must be reached."""

    spend: Money | None = None
    """currency units, on the base that qualification names"""
    points: Annotated[int, Field(ge=0)] | None = None
    """points earned by purchases, multipliers included"""
    purchases: Annotated[int, Field(ge=0)] | None = None
    """number of purchases"""


class Tier(Part):
    """One level of the card."""

    name: str
    requires: Requires = Requires()
    """empty for the first tier, which everybody has"""
    price: Annotated[float, Field(gt=0, le=1)] = 1.0
    """share of the list price that members of this tier pay"""
    earning: Annotated[float, Field(ge=0, le=20)] = 1.0
    """multiplies points earned"""
    free_delivery: bool = False
    """the programme bears the delivery cost of economics"""
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

    @model_validator(mode="after")
    def _blocks(self) -> Qualification:
        if self.window == "calendar" and 12 % self.months and self.months % 12:
            raise ValueError(f"months must divide 12 or be a multiple of 12 for calendar windows, found {self.months}")
        return self


class Fee(Part):
    """What membership costs the member. Who would join at that price is not modelled: everybody does."""

    amount: Positive
    """currency units, paid on joining and at each renewal by members who are active customers then; who has lapsed pays again at
    the first purchase after coming back, and so do members of a programme that had no fee"""
    every_months: Months = 12
    """length of the term that is paid for, of 365 / 12 days a month"""


class Partner(Part):
    """Another company that supplies a reward or gift, or shares its cost."""

    name: str
    charge: Money = 0.0
    """what the partner bills for each unit handed over, currency units, on top of `cost`"""
    recovered: Share = 0.0
    """share of cost and charge together that the partner pays back"""

    @model_validator(mode="after")
    def _does_something(self) -> Partner:
        if not self.charge and not self.recovered:
            raise ValueError("it neither charges nor pays back anything: give charge or recovered")
        return self


class Reward(Part):
    """Something that points buy."""

    name: str
    points: Annotated[int, Field(ge=1)]
    """price in points"""
    kind: Literal["goods", "service", "voucher", "tier_upgrade", "longer_validity"] = "goods"
    """voucher = money off the purchase at which it is redeemed, as many as fit into points and price; tier_upgrade = next tier at
    once, kept as if earned (a review may take it, if the programme downgrades at all); longer_validity = all points of the
    member, those to come included, live `months` longer; a member buys it once"""
    value: Money = 0.0
    """worth to the member in currency units; for a voucher, the money off"""
    cost: Money = 0.0
    """cost to the company in currency units; a voucher's cost is its value and cost stays 0"""
    months: Annotated[int, Field(ge=0, le=24)] = 0
    """months added by longer_validity"""
    partner: Partner | None = None
    """who supplies it or shares its cost"""

    @model_validator(mode="after")
    def _kind(self) -> Reward:
        if self.kind == "voucher" and (self.cost or not self.value):
            raise ValueError("a voucher needs a value and no cost: it costs what it takes off")
        if (self.kind == "longer_validity") != (self.months > 0):
            raise ValueError("months belong to longer_validity, and only there")
        return self


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


    @model_validator(mode="after")
    def _some_time(self) -> Expiry:
        if self.months == 0 and self.rule in ("rolling", "inactivity"):
            raise ValueError(f"months must be 1 or more for the rule {self.rule}")
        return self


class Coupon(Part):
    """Money off one later purchase."""

    value: Positive
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
    reach: Annotated[float, Field(gt=0)] | None = None
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

    @model_validator(mode="after")
    def _complete(self) -> When:
        for key in _KEYS.get(self.event, ((), ()))[0]:
            if not getattr(self, key):
                raise ValueError(f"event {self.event} needs the key {key}")
        for key in sorted(self.model_fields_set - self.keys):
            raise ValueError(f"event {self.event} has no use for the key {key}")
        if self.event == "count_in_window" and self.reach != int(self.reach or 0):
            raise ValueError(f"event count_in_window needs a whole number to reach, found {self.reach:g}")
        return self


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

    points: Annotated[int, Field(ge=0)] = 0
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
    budget: Positive | None = None
    """currency units for the whole run, shared by all members: coupons count at face value when issued, gifts at cost
    net of what partners charge and pay back, points at economics.cost_per_point; the first grant that does not fit closes the
    incentive for good"""
    limit: Annotated[int, Field(ge=1)] | None = None
    """grants a member may have in the run; budget and limit bound what is given, not what holds during a time"""
    group: str | None = None
    """of the incentives in one group a purchase has only the best multiplier, price and coupon; of different groups, all"""
    valid_from: dt.date | None = None
    valid_until: dt.date | None = None
    """last day on which it can be triggered"""

    @model_validator(mode="after")
    def _fits(self) -> Incentive:
        lasting = self.during != During()
        if lasting and self.when.event not in ("purchase", "calendar", "birthday"):
            raise ValueError(f"during works with purchase, calendar and birthday, not with {self.when.event}")
        if not lasting and self.give == Give() and not self.message:
            raise ValueError("it neither gives anything nor sends a message")
        if lasting and self.give == Give() and (self.budget or self.limit):
            raise ValueError("budget and limit bound what is given, and nothing is; drop them, or give something")
        bought = ("purchase", "first_purchase", "spend_in_window", "count_in_window", "tier_reached", "task")
        if self.message and self.when.event in bought:
            raise ValueError(f"a message cannot go with {self.when.event}: the member is there already")
        at_till = self.when.event in ("purchase", "first_purchase", "spend_in_window", "count_in_window")
        if (self.only.category or self.only.min_basket) and not (at_till or lasting):
            raise ValueError(f"category and min_basket are conditions on a purchase, {self.when.event} has none")
        if self.valid_from and self.valid_until and self.valid_from > self.valid_until:
            raise ValueError("valid_from is later than valid_until")
        return self


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
    anniversary pass unnoticed, until the next purchase"""
    fee: Fee | None = None
    """none = membership is free"""
    incentives: list[Incentive] = []

    @model_validator(mode="after")
    def _consistent(self) -> Programme:
        if not self.tiers:
            raise ValueError("tiers: at least one tier is needed")
        names = [t.name for t in self.tiers]
        for label, found in (
            ("tiers", names),
            ("rewards", [r.name for r in self.rewards]),
            ("incentives", [i.name for i in self.incentives]),
        ):
            if len(set(found)) != len(found):
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
        if (self.rewards or self.expiry.rule != "never") and self.earning is None:
            raise ValueError("rewards and expiry need points: add earning")
        for incentive in self.incentives:
            for name in [*incentive.only.tiers, incentive.when.tier, incentive.give.tier]:
                if name is not None and name not in names:
                    raise ValueError(
                        f"incentives: {incentive.name} names the tier {name!r}, which is not among {', '.join(names)}"
                    )
            if incentive.give.points and self.earning is None:
                raise ValueError(f"incentives: {incentive.name} gives points, but the programme has no earning")
            if incentive.when.event == "points_expiring" and self.expiry.rule == "never":
                raise ValueError(f"incentives: {incentive.name} waits for points to expire, but expiry is never")
        most = max(t.earning for t in self.tiers) * (self.earning.points_per_unit if self.earning else 0.0)
        for incentive in self.incentives:
            most *= max(1.0, incentive.during.earning)
        if most > 1e6:
            raise ValueError(f"earning: a purchase could earn {most:g} points a currency unit, at most 1,000,000 are possible")
        if len(self.incentives) > 62:
            raise ValueError("incentives: at most 62 rows")
        return self


__all__ = [
    "Coupon", "During", "Earning", "Expiry", "Fee", "Gift", "Give", "Incentive", "Only", "Partner", "Programme", "Qualification",
    "Requires", "Reward", "Share", "Tier", "When",
]  # fmt: skip
