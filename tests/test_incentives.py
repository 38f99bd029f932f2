"""Rows of the incentive table on members whose lives are simple: what is given, when, to whom, how often."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scenes import only, scenario

from sim.outcome import Outcome, simulate, simulate_reference
from sim.state import W_MESSAGES, W_PURCHASES

EVERY_DAY = {"purchase_rate": {"mean": 1.0, "shape": 1e6}, "basket": {"median": 40.0, "sigma": 0.0}}
NEVER_BUYS = {"purchase_rate": {"mean": 1e-6, "shape": 1e6}, "basket": {"median": 40.0, "sigma": 0.0}}
OFF = {"all_effects": False, "redeeming": {"probability": 0.0}}


def run(rows: list[dict[str, Any]], population: dict = EVERY_DAY, months: int = 3, members: int = 500, **more: Any) -> Outcome:
    programme = {"earning": {"points_per_unit": 0.0}, "incentives": rows, **more.pop("programme", {})}
    base = {"name": "row", "population": population, "programme": programme, "behaviour": OFF, "horizon": {"months": months}}
    watch = more.pop("watch", (0.0, 1.0, 0))
    return simulate(scenario({**base, **more}), members=members, seed=1, keep=True, watch=watch)


def coupon(name: str, value: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "when": {"event": "sign_up"}, "give": {"coupon": {"value": value, "days": 300}}, **more}


@pytest.mark.parametrize(("values", "first"), [((10.0, 5.0), 10), ((5.0, 5.0), 5), ((5.0, 10.0), 10)])
def test_of_a_group_one_coupon_a_purchase(values: tuple[float, float], first: int) -> None:
    """The best first, the other at a later purchase; of different groups both at once."""
    rows = [coupon(f"c{k}", v, group="one") for k, v in enumerate(values)]
    o = run(rows, months=1)
    assert o.members is not None
    once = run(rows, months=1, population={**EVERY_DAY, "leaving": {"probability": 1.0}})
    assert once.total("coupon_value") == first * 100 * once.total("purchases")
    assert o.total("coupon_value") == sum(values) * 100 * int((o.members["buys"] > 1).sum())
    both = run([{**row, "group": None} for row in rows], months=1, population={**EVERY_DAY, "leaving": {"probability": 1.0}})
    assert both.total("coupon_value") == sum(values) * 100 * both.total("purchases")


def test_calendar_moments_belong_to_their_day() -> None:
    """Twelve firsts of a month in a year, one each month; the day after the run is not of it."""
    row = {"name": "first", "when": {"event": "calendar", "days_of_month": [1]}, "message": True}
    o = run([row], months=12, members=10)
    np.testing.assert_array_equal(o.by_month("messages"), 10)


def test_a_day_of_the_month_is_told_of_on_its_day() -> None:
    """The tenth, announced three days before: 7 January and 7 February, to everyone."""
    row = {"name": "tenth", "when": {"event": "calendar", "days_of_month": [10], "days_before": 3}, "message": True}
    o = run([row], months=2, members=10, watch=(0.0, 1.0, 59))
    assert o.watch is not None
    told = o.watch[:, :, W_MESSAGES].sum(axis=0)
    assert np.flatnonzero(told).tolist() == [6, 31 + 6]
    assert told.max() == 10


def test_a_day_is_announced_if_it_is_one_on_which_the_row_holds() -> None:
    """The first of a month, the day before, from 1 February to 28 February: told on 31 January, and nobody of 1 March."""
    row = {"name": "first", "when": {"event": "calendar", "days_of_month": [1], "days_before": 1}, "during": {"earning": 2.0},
           "message": True, "valid_from": dt.date(2027, 2, 1), "valid_until": dt.date(2027, 2, 28)}  # fmt: skip
    o = run([row], months=3, members=10, watch=(0.0, 1.0, 90), programme={"earning": {"points_per_unit": 1.0}})
    assert o.watch is not None
    assert np.flatnonzero(o.watch[:, :, W_MESSAGES].sum(axis=0)).tolist() == [30]
    points, paid = (o.by_month(name) for name in ("points_issued", "paid"))
    np.testing.assert_array_equal(points[[0, 2]], paid[[0, 2]] / 100)  # double on that day alone
    assert points[1] > paid[1] / 100


def test_points_of_the_first_live_their_months() -> None:
    """Points given on the first of a month with one month of validity lapse at the end of the next."""
    row = {"name": "first", "when": {"event": "calendar", "days_of_month": [1]}, "give": {"points": 5}}
    o = run([row], months=4, members=1, programme={"expiry": {"rule": "rolling", "months": 1}})
    np.testing.assert_array_equal(o.by_month("points_expired"), [0, 5, 5, 5])


def test_an_anniversary_after_the_run_is_not_of_it() -> None:
    row = {"name": "year", "when": {"event": "anniversary"}, "give": {"gift": {"cost": 5.0, "value": 5.0}}}
    assert run([row], months=12, members=10).total("gift_cost") == 0
    assert run([row], months=13, members=10).total("gift_cost") == 5000


def test_a_birthday_early_in_the_year_is_not_missed() -> None:
    """Every birthday of a year is met once, also those whose message would have gone out before the launch."""
    row = {"name": "day", "when": {"event": "birthday", "days_before": 20}, "give": {"points": 1}, "message": True}
    o = run([row], months=12, members=2000)
    assert o.members is not None
    january = o.members["birth_month"] == 1
    assert o.members["balance"][january].min() == 1


def test_a_purchase_row_can_hold_and_give() -> None:
    row = {"name": "both", "when": {"event": "purchase"}, "during": {"earning": 2.0}, "give": {"points": 10}}
    o = run([row], months=1)
    assert o.total("points_bonus") == 10 * o.total("purchases")


def test_a_review_hands_over_what_waits_at_the_tier() -> None:
    rows = [{"name": "welcome", "when": {"event": "tier_reached", "tier": "high"}, "give": {"points": 10}}]
    tiers = [{"name": "low"}, {"name": "high", "requires": {"purchases": 5}}]
    review = {"upgrade": "at_review", "review_every_months": 1}
    o = run(rows, months=2, programme={"tiers": tiers, "qualification": review})
    assert o.total("upgrades") == 500
    assert o.total("points_bonus") == 5000


def test_who_has_opted_out_gets_neither_message_nor_coupon() -> None:
    row = {
        "name": "mail",
        "when": {"event": "calendar", "days_of_month": [1, 15]},
        "give": {"coupon": {"value": 5.0}},
        "message": True,
    }
    o = run([row], behaviour=only(messages={"opt_out": 0.2}), months=6)
    assert o.total("opt_outs") > 300
    assert o.total("coupons_issued") == o.total("messages")


def test_a_lapsed_card_earns_nothing_until_the_next_purchase() -> None:
    row = {"name": "gift", "when": {"event": "calendar", "days_of_month": [15]}, "give": {"points": 10}}
    o = run([row], population=NEVER_BUYS, months=6, members=10, programme={"card_valid_months": 2})
    np.testing.assert_array_equal(o.by_month("points_issued"), [100, 100, 0, 0, 0, 0])
    assert o.total("points_expired") == 200


def test_dormant_members_are_reached_when_the_row_becomes_valid() -> None:
    row = {
        "name": "back",
        "when": {"event": "inactivity", "days": 60},
        "message": True,
        "valid_from": dt.date(2027, 3, 10),
    }
    o = run([row], population={**NEVER_BUYS, "history_days": [300.0, 300.0]}, months=6, members=10)
    np.testing.assert_array_equal(o.by_month("messages"), [0, 0, 10, 0, 0, 0])


def test_tasks_of_a_joiner_begin_with_joining() -> None:
    """Joiners, in the middle of a month on average, do half the tasks of a month in it."""
    row = {"name": "review", "when": {"event": "task", "per_month": 2.0}, "give": {"points": 1}}
    o = run([row], population={**EVERY_DAY, "new_members_per_month": 1.0}, months=1, members=4000)
    assert o.total("points_bonus") == pytest.approx(2.0 * 4000 + 1.0 * 4000, rel=0.03)


@pytest.mark.parametrize(
    ("valid", "months"),
    [({"valid_until": dt.date(2027, 1, 31)}, [1, 0]), ({"valid_from": dt.date(2027, 2, 1)}, [0, 1]),
     ({"valid_from": dt.date(2027, 1, 11), "valid_until": dt.date(2027, 2, 14)}, [21 / 31, 14 / 28])],
)  # fmt: skip
def test_a_task_counts_if_it_was_done_while_the_row_was_valid(valid: dict, months: list[float]) -> None:
    """The points come at the month end all the same."""
    row = {"name": "review", "when": {"event": "task", "per_month": 2.0}, "give": {"points": 1}, **valid}
    o = run([row], population=EVERY_DAY, months=2, members=4000)
    whole = 2.0 * 4000 * np.array([31, 28]) * 12 / 365.25
    np.testing.assert_allclose(o.by_month("points_bonus"), np.array(months) * whole, rtol=0.05)


def test_a_notice_of_lapsing_points_that_gives_points_comes_to_an_end() -> None:
    """The points that it gives would lapse as well: they do not announce themselves."""
    rows = [
        {"name": "gift", "when": {"event": "calendar", "days_of_month": [31]}, "give": {"points": 10}},
        {"name": "notice", "when": {"event": "points_expiring", "days": 7}, "give": {"points": 5}},
    ]
    o = run(rows, population=NEVER_BUYS, months=6, members=10, programme={"expiry": {"rule": "inactivity", "months": 1}})
    assert o.total("points_issued") < 1000


def test_vouchers_are_not_burnt_on_a_basket_they_do_not_fit() -> None:
    rewards = [{"name": "fifty", "points": 10, "kind": "voucher", "value": 50.0}]
    earning = {"points_per_unit": 1.0}
    o = run([], programme={"earning": earning, "rewards": rewards}, behaviour=only(), months=1)
    assert o.total("redemptions") == 0
    cheap = run([], programme={"earning": earning, "rewards": [{**rewards[0], "value": 15.0}]}, behaviour=only(), months=1)
    assert cheap.total("voucher_value") == 1500 * cheap.total("redemptions")
    assert cheap.total("redemptions") > cheap.total("purchases")  # two of 15 fit into a basket of 40


def test_a_member_day_is_special_by_its_offer_and_by_being_rare() -> None:
    gains = {}
    for name, days, earning in (("one", [18], 2.0), ("all", list(range(1, 29)), 2.0), ("nothing", [18], 1.001)):
        row = {"name": "day", "when": {"event": "calendar", "days_of_month": days}, "during": {"earning": earning}}
        o = run([row], behaviour=only(member_day={}), months=12)
        gains[name] = o.total("purchases") / o.total("base_purchases") - 1
    assert gains["one"] > 0.005
    assert gains["all"] < 2 * gains["one"]
    assert abs(gains["nothing"]) < 0.1 * gains["one"]


def test_rare_buyers_are_induced_too() -> None:
    """Members whose next baseline purchase lies beyond the run still react."""
    rare = {"purchase_rate": {"mean": 0.001, "shape": 1e6}, "basket": {"median": 40.0, "sigma": 0.0}}
    o = run([], population=rare, months=12, members=40_000, behaviour=only(price_response={"rate": 2.0, "basket": 0.0}),
            programme={"tiers": [{"name": "all", "price": 0.9}]})  # fmt: skip
    assert o.total("purchases") / o.total("base_purchases") - 1 == pytest.approx(0.9**-2 - 1, abs=0.03)


@pytest.mark.parametrize(
    "row",
    [
        {"name": "x", "when": {"event": "purchase"}, "during": {"price": 0.8}, "budget": 1.0},
        {"name": "x", "when": {"event": "purchase"}, "during": {"price": 0.8}, "limit": 1},
        {"name": "x", "when": {"event": "task", "per_month": 1.0}, "message": True},
        {"name": "x", "when": {"event": "purchase"}},
        {"name": "x", "when": {"event": "birthday", "days": 3}, "message": True},
    ],
)
def test_rows_that_cannot_do_what_they_say_are_refused(row: dict) -> None:
    with pytest.raises(ValidationError):
        run([row])


def test_a_row_before_it_opens_one_that_asks_for_a_category() -> None:
    """The first purchase lifts to gold; of the same purchase gold members get points if it is food."""
    rows = [
        {"name": "up", "when": {"event": "first_purchase"}, "give": {"tier": "gold"}},
        {"name": "food", "when": {"event": "purchase"}, "only": {"tiers": ["gold"], "category": "food"}, "give": {"points": 1}},
    ]
    tiers = [{"name": "silver"}, {"name": "gold", "requires": {"purchases": 1000}}]
    market = {"categories": [{"name": "food", "share": 0.999999999}, {"name": "toys", "share": 1e-9}]}
    o = run(rows, months=1, programme={"tiers": tiers}, market=market)
    assert o.total("upgrades") == 500
    assert o.total("points_bonus") == o.total("purchases")


def test_what_a_day_gives_may_lapse_before_the_next_day_of_it() -> None:
    """Days that follow each other, or fall on one moment, wait for what the one before made fall due; and both drivers agree."""
    rows = [
        {"name": name, "when": {"event": "calendar", "days_of_month": days}, "give": {"points": 10}}
        for name, days in (("early", [10]), ("late", [20]), ("also late", [20]))
    ]
    expiry = {"rule": "inactivity", "months": 1}
    population = {**NEVER_BUYS, "history_days": [15.0, 15.0]}  # idle balances lapse on day 15
    o = run(rows, population=population, months=2, members=5, programme={"expiry": expiry})
    np.testing.assert_array_equal(o.by_month("points_expired"), [150, 150])
    np.testing.assert_array_equal(o.by_month("outstanding"), 0)
    reference = simulate_reference(o.scenario, members=5, seed=1)
    np.testing.assert_array_equal(o.cube, reference.cube)
    assert o.members is not None and reference.members is not None
    np.testing.assert_array_equal(o.members["due"], reference.members["due"])


def test_a_budget_that_two_rows_draw_on_at_a_month_end() -> None:
    """Grants of one moment are served member by member, though a review leads to some and tasks to others."""
    rows = [
        {"name": "task", "when": {"event": "task", "per_month": 1.0}, "give": {"tier": "high"}},
        {"name": "gift", "when": {"event": "tier_reached", "tier": "high"}, "give": {"points": 10}, "budget": 5.0},
    ]
    tiers = [{"name": "low"}, {"name": "high", "requires": {"purchases": 3}}]
    programme = {"tiers": tiers, "qualification": {"upgrade": "at_review", "review_every_months": 1}}
    population = {**EVERY_DAY, "purchase_rate": {"mean": 0.1, "shape": 1.0}}
    o = run(rows, population=population, months=1, members=40, programme=programme, economics={"cost_per_point": 0.05})
    assert o.total("points_bonus") == 100 and o.total("upgrades") > 20
    reference = simulate_reference(o.scenario, members=40, seed=1)
    np.testing.assert_array_equal(o.tables.closes_for, reference.tables.closes_for)
    np.testing.assert_array_equal(o.cube, reference.cube)


def test_a_row_holds_from_its_first_day_to_the_end_of_its_last() -> None:
    """One purchase a day and one point at each: from 10 January to 20 February, both included."""
    row = {
        "name": "winter", "when": {"event": "purchase"}, "give": {"points": 1},
        "valid_from": dt.date(2027, 1, 10), "valid_until": dt.date(2027, 2, 20),
    }  # fmt: skip
    o = run([row], watch=(0.0, 1.0, 90))
    whole = run([{**row, "valid_from": None, "valid_until": None}], watch=(0.0, 1.0, 90))
    assert o.watch is not None and whole.watch is not None
    np.testing.assert_array_equal(o.watch[:, :, W_PURCHASES], whole.watch[:, :, W_PURCHASES])
    days = o.watch[:, :, W_PURCHASES].sum(axis=0)
    assert (days > 0).all()
    assert o.total("points_bonus") == days[9:51].sum()
    assert whole.total("points_bonus") == days.sum()
