"""The incentive table as the engine reads it: a record each, and sets of them as lists and as bits."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np

from sim.calendar import Calendar
from sim.incentive import Give, Incentive, Partner
from sim.member import NEVER
from sim.opening import Opening
from sim.scenario import Scenario
from sim.tables import (
    BIRTHDAY,
    CALENDAR,
    CALL,
    COUNT_IN_WINDOW,
    EVENTS,
    FIRST_PURCHASE,
    INACTIVITY,
    INCENTIVE,
    NO_BUDGET,
    POINTS_EXPIRING,
    PURCHASE,
    SPEND_IN_WINDOW,
    TASK,
    TIMED,
    minor,
)
from sim.typing import Array, Floats, Ints
from sim.worth import gift_worth


class IncentiveTables:
    """What of Tables the incentives of a scenario make. The days of `calendar` learn which of them are valid, its months which
    calls are theirs."""

    incentives: Array
    """of INCENTIVE, in the order of the scenario"""
    parts: dict[str, Ints]
    """lists of incentives by the part they play, so that a rule visits those only that can matter to it"""
    bits: dict[str, int]
    """the same as bits, for RULES"""
    on_first: int
    """how many incentives a first purchase may trigger"""
    open_to: Ints
    """(tiers * segments,) those open to a tier and segment, as bits"""
    calls: Array
    """of CALL"""
    closes: Floats
    """(incentives, at least 1) moment at which the budget closed each"""

    def __init__(self, scenario: Scenario, calendar: Calendar, opening: Opening | None, power: float) -> None:
        """power: of the effect reward_worth (sim.worth)."""
        self.incentives = _incentives(scenario, calendar, power)
        self.closes = np.full(max(1, len(self.incentives)), NEVER)
        if opening is not None:
            self.closes[: len(self.incentives)][opening.closed(scenario)] = -1.0
            for row, incentive in zip(self.incentives, scenario.programme.incentives, strict=True):
                row["budget"] = opening.left(incentive.name, int(row["budget"]))
        event, lasting, timed = (self.incentives[name] for name in ("event", "lasting", "timed"))
        spared = (self.incentives["free_delivery"] == 1) & (scenario.market.delivery_charge > 0)
        felt = (lasting == 1) & ((self.incentives["log_cut"] != 0.0) | (event == CALENDAR) | spared)
        self.bits = {
            "lasting": _bits(lasting == 1),
            "always": _bits((lasting == 1) & (event == PURCHASE)),
            "birthdays": _bits((lasting == 1) & (event == BIRTHDAY)),
            "felt": _bits(felt),
            "by_category": _bits(self.incentives["category"] >= 0),
        }
        bought = np.isin(event, (FIRST_PURCHASE, SPEND_IN_WINDOW, COUNT_IN_WINDOW))
        bought |= (event == PURCHASE) & (self.incentives["gives"] == 1)
        self.on_first = int(bought.sum())
        parts = {
            "lasting": lasting == 1,
            "felt": felt,
            "timed": timed == 1,
            "expiring": (timed == 1) & (event == POINTS_EXPIRING),
            "waiting": (timed == 1) & (event == INACTIVITY),
            "goals": self.incentives["goal"] == 1,
            "coupons": self.incentives["coupon"] > 0,
            "tasks": event == TASK,
            "budgeted": (self.incentives["budget"] != NO_BUDGET) | (self.closes[: len(event)] < NEVER),
        }
        self.parts = {name: np.flatnonzero(of_part).astype(np.int64) for name, of_part in parts.items()}
        again = bought & (event != FIRST_PURCHASE)
        self.parts["bought"] = np.concatenate([np.flatnonzero(bought), np.flatnonzero(again)]).astype(np.int64)
        tiers, segments = len(scenario.programme.tiers), max(1, len(scenario.population.segments))
        self.open_to = np.array(
            [
                _bits((self.incentives["tiers"] >> tier) & (self.incentives["segments"] >> segment) & 1)
                for tier in range(tiers)
                for segment in range(segments)
            ],
            np.int64,
        )
        days = np.arange(len(calendar.days))
        for j, row in enumerate(self.incentives):  # of a task its own moment counts, of a calendar row the days it is about
            valid = (days >= row["valid_from"]) & (days < row["valid_until"]) | np.isin(row["event"], (TASK, CALENDAR))
            calendar.days["valid"] |= valid.astype(np.int64) << j
        self.calls = _calls(self.incentives, scenario, calendar)
        for name, edge in (("first_call", "start"), ("last_call", "end")):
            calendar.months[name] = np.searchsorted(self.calls["at"], calendar.months[edge])


def _calls(incentives: Array, scenario: Scenario, calendar: Calendar) -> Array:
    moments = []
    for j, (row, incentive) in enumerate(zip(incentives, scenario.programme.incentives, strict=True)):
        when = incentive.when
        if row["event"] == CALENDAR and (row["gives"] or row["message"]):
            ahead = when.days_before
            called = calendar.before(when.days_of_month, ahead)
            moments += [(float(day), j) for day in called if row["valid_from"] <= day + ahead < row["valid_until"]]
    found = np.zeros(len(moments), CALL)
    for call, (at, j) in zip(found, sorted(moments), strict=True):
        call["at"], call["upto"], call["incentive"] = at, np.nextafter(at, np.inf), j
    return found


def _bits(chosen: Array) -> int:
    """Bit k for chosen[k]."""
    return sum(1 << int(k) for k in np.flatnonzero(chosen))


def _incentives(scenario: Scenario, calendar: Calendar, power: float) -> Array:
    programme = scenario.programme
    found = np.zeros(len(programme.incentives), INCENTIVE)
    groups: dict[str, int] = {}
    for row, incentive in zip(found, programme.incentives, strict=True):
        own = incentive.group if incentive.group is not None else f"\0{incentive.name}"
        row["group"] = groups.setdefault(own, len(groups))
        row["bare"], row["worth"] = gift_worth(incentive.give, programme.rewards, power)
        _incentive(row, incentive, scenario, calendar)
    return found


def _incentive(row: Any, incentive: Incentive, scenario: Scenario, calendar: Calendar) -> None:
    when, only, give, during = incentive.when, incentive.only, incentive.give, incentive.during
    tiers = [t.name for t in scenario.programme.tiers]
    segments = [s.name for s in scenario.population.segments]
    row["event"] = EVENTS.index(when.event)
    row["window"] = ("month", "quarter", "year", "programme").index(when.window)
    reach = when.reach or 0.0
    row["reach"] = minor(reach) if when.event == "spend_in_window" else int(reach)
    row["on_paid"], row["days"], row["before"] = when.base == "paid", when.days or 0, when.days_before
    row["tier"] = tiers.index(when.tier) if when.tier is not None else -1
    row["gap"] = 365.25 / 12.0 / when.per_month if when.per_month else NEVER  # mean days from one task to the next
    row["tiers"] = _mask(only.tiers, tiers)
    row["segments"] = _mask(only.segments, segments or ["all"])
    categories = [c.name for c in scenario.market.categories]
    row["category"] = categories.index(only.category) if only.category is not None else -1
    row["min_basket"] = minor(only.min_basket)
    row["points"] = give.points
    if give.coupon:
        row["coupon"], row["coupon_min"] = minor(give.coupon.value), minor(give.coupon.min_spend)
        row["coupon_days"] = give.coupon.days
    if give.gift:
        row["gift_cost"], row["gift_value"] = minor(give.gift.cost), minor(give.gift.value)
        row["gift_charge"], row["gift_recovered"] = partner_rates(give.gift.partner, int(row["gift_cost"]))
    row["lifts_to"] = tiers.index(give.tier) if give.tier is not None else -1
    row["lasting"] = (during.earning, during.price, during.free_delivery) != (1.0, 1.0, False)
    row["earning"], row["price"] = math.floor(during.earning * 1000 + 0.5), math.floor(during.price * 10_000 + 0.5)
    row["log_cut"], row["free_delivery"] = -math.log(during.price), during.free_delivery
    row["message"] = incentive.message
    row["budget"] = NO_BUDGET if incentive.budget is None else minor(incentive.budget)
    row["limit"] = incentive.limit or 0
    row["valid_from"] = calendar.day(incentive.valid_from) if incentive.valid_from else -NEVER
    row["valid_until"] = calendar.day(incentive.valid_until) + 1.0 if incentive.valid_until else NEVER
    row["unplanned"] = NEVER if when.event == "points_expiring" else 0.0
    row["timed"] = EVENTS.index(when.event) in TIMED and (incentive.message or give != Give())
    row["gives"] = give != Give()
    row["luck"] = zlib.crc32(incentive.name.encode())
    if when.days_of_month:
        offer = max(during.earning - 1.0, 20.0 * (1.0 - during.price))
        row["special"] = min(1.0, max(0.0, offer)) / len(set(when.days_of_month))
    row["goal"] = when.event in ("spend_in_window", "count_in_window")


def partner_rates(partner: Partner | None, cost: int) -> tuple[int, int]:
    """What a partner bills and pays back for a unit that costs `cost`, minor units."""
    if partner is None:
        return 0, 0
    charge = minor(partner.charge)
    return charge, math.floor((cost + charge) * partner.recovered + 0.5)


def _mask(chosen: list[str], names: list[str]) -> int:
    return sum(1 << names.index(name) for name in (chosen or names))
