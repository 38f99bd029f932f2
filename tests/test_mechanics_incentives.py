"""Each incentive gives what it says, when it says, to whom it says: counted again from single members' purchases."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from mechanics_year import DATE, MONTH, NEVER_BUYS, NO_POINTS, OFF, OFTEN, POINTS, bought, by_window, far, row, told, year
from scenes import only

from sim.typing import Ints


def test_a_birthday_is_the_members_own() -> None:
    """Double points and free delivery in the month, the message and a coupon three days before the day; others as ever."""
    rows = [row({"event": "birthday", "days_before": 3}, give={"coupon": {"value": 5.0, "days": 3}}, message=True,
                during={"earning": 2.0, "free_delivery": True})]  # fmt: skip
    o = year({"earning": {**POINTS, "base": "list"}, "incentives": rows}, economics={"delivery_cost": 2.0}, members=1000)
    assert o.members is not None
    own = by_window(bought(o), 1)[np.arange(1000), o.members["birth_month"] - 1].sum()
    assert o.total("points_issued") == 40 * o.total("purchases") + 41 * own  # 81 of 40.50 doubled
    assert o.total("delivery_cost") == 200 * own
    birthday = (o.members["birth_month"][:, None] == MONTH + 1) & (o.members["birth_day"][:, None] == DATE)
    ahead = np.zeros_like(birthday)
    ahead[:, :-3] = birthday[:, 3:]
    sent = told(o)
    np.testing.assert_array_equal(sent[:, 3:-3], ahead[:, 3:-3])
    assert (sent.sum(axis=1) <= 2).all() and o.total("coupons_issued") == sent.sum()


def test_a_member_day_doubles_the_points_of_its_day() -> None:
    o = year({"earning": POINTS, "incentives": [row({"event": "calendar", "days_of_month": [18]}, during={"earning": 2.0})]})
    assert o.total("points_issued") == 40 * o.total("purchases") + 41 * bought(o)[:, DATE == 18].sum()


def test_joining_and_the_first_purchase_come_once() -> None:
    """One gift to everybody who is there or joins, another to those who buy."""
    rows = [row({"event": event}, name=event, give={"gift": {"cost": cost, "value": 0.0}})
            for event, cost in (("sign_up", 1.0), ("first_purchase", 100.0))]  # fmt: skip
    o = year({"incentives": rows}, population={**OFTEN, "new_members_per_month": 0.1})
    assert o.members is not None and o.total("joined") == len(o.members) == 400 + 12 * 40
    assert o.total("gift_cost") == 100 * len(o.members) + 10_000 * (o.members["buys"] > 0).sum()


@pytest.mark.parametrize(("least", "price", "usable"), [(40.5, 1.0, True), (40.51, 1.0, False), (40.5, 0.9, False)])
def test_a_coupon_is_used_once_while_it_lasts(least: float, price: float, usable: bool) -> None:
    """At the first purchase of the 60 days, if what is to be paid after the tier's price reaches its threshold."""
    gift = row({"event": "sign_up"}, give={"coupon": {"value": 5.0, "min_spend": least, "days": 60}})
    o = year({"tiers": [{"name": "all", "price": price}], "incentives": [gift]})
    assert o.members is not None
    in_time = (o.members["first_buy"] < 60).sum() if usable else 0
    assert (o.total("coupons_issued"), o.total("coupons_used"), o.total("coupon_value")) == (400, in_time, 500 * in_time)


WINDOWS = {"month": 1, "quarter": 3, "year": 12, "programme": 12}


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("event", ["count_in_window", "spend_in_window"])
def test_a_goal_is_reached_once_a_window(event: str, window: str) -> None:
    """A sprint of 3 purchases, a ladder of 100: points where the window has three baskets of 40.50, whatever follows in it."""
    goal = row({"event": event, "window": window, "reach": 3.0 if event == "count_in_window" else 100.0}, give={"points": 7})
    o = year({"earning": NO_POINTS, "incentives": [goal]})
    reached = by_window(bought(o), WINDOWS[window]) >= 3
    assert o.total("points_bonus") == o.total("points_issued") == 7 * reached.sum() > 0
    assert not reached.all()


def test_a_sprint_lifts_to_its_tier_and_no_lower() -> None:
    """Three purchases in a quarter give gold and 100 points; who has diamond keeps it."""
    tiers = far("silver", "gold", "diamond")
    sprint = row({"event": "count_in_window", "window": "quarter", "reach": 3.0}, give={"points": 100, "tier": "gold"})
    top = row({"event": "sign_up"}, name="top", only={"segments": ["stars"]}, give={"tier": "diamond"})
    o = year({"earning": POINTS, "tiers": tiers, "incentives": [top, sprint]})
    assert o.members is not None
    stars, ran = o.members["segment"] == 0, (by_window(bought(o), 3) >= 3)
    np.testing.assert_array_equal(o.members["tier"][~stars] == 1, ran.any(axis=1)[~stars])
    assert (o.members["tier"][stars] == 2).all()
    assert o.total("points_bonus") == 100 * ran.sum()


def test_a_goal_counts_what_is_bought_while_it_is_open() -> None:
    """From its first day on, and from the purchase on that leads to its tier."""
    tiers = [{"name": "low"}, {"name": "high", "requires": {"purchases": 2}}]
    goal = row({"event": "count_in_window", "window": "year", "reach": 3.0}, give={"points": 1})
    high = year({"earning": NO_POINTS, "tiers": tiers, "incentives": [{**goal, "only": {"tiers": ["high"]}}]})
    late = year({"earning": NO_POINTS, "incentives": [{**goal, "valid_from": dt.date(2027, 7, 1)}]})
    assert high.total("points_bonus") == (bought(high).sum(axis=1) >= 4).sum()
    assert late.total("points_bonus") == (bought(late)[:, MONTH >= 6].sum(axis=1) >= 3).sum()


def test_a_win_back_comes_so_many_days_after_the_last_purchase() -> None:
    """Sixty days of silence, each silence once; its coupon and message together."""
    o = year({"incentives": [row({"event": "inactivity", "days": 60}, give={"coupon": {"value": 5.0, "days": 7}}, message=True)]})
    sent, buys = told(o), bought(o)
    last = buys > 0
    last[:, 0] = True  # they joined then
    due = np.zeros_like(last)
    for day in range(60, 365):
        due[:, day] = last[:, day - 60] & (buys[:, day - 59 : day].sum(axis=1) == 0)
    assert (sent[due & (buys == 0)] == 1).all() and (sent[~due] == 0).all()  # a purchase on the day itself may come before
    assert o.total("coupons_issued") == sent.sum() > 100


def test_a_full_year_is_counted_from_joining() -> None:
    population = {**OFTEN, "new_members_per_month": 0.2}
    gift = row({"event": "anniversary"}, give={"gift": {"cost": 3.0, "value": 6.0}})
    o = year({"incentives": [gift]}, months=30, population=population, members=100)
    assert o.members is not None
    years = (o.tables.p["end"][0] - o.members["joined"]) // 365
    assert set(years) == {0, 1, 2}
    assert o.total("gift_cost") == 300 * years.sum()


@pytest.mark.parametrize(
    ("expiry", "lapse"),
    [
        ({"rule": "rolling", "months": 1}, 31 + 28),
        ({"rule": "fixed_date", "months": 1, "month": 4}, 31 + 28 + 31 + 30),
        ({"rule": "inactivity", "months": 2}, 60),
    ],
)
def test_lapsing_points_are_announced_once_and_in_time(expiry: dict[str, Any], lapse: int) -> None:
    """Ten days before the points of joining lapse, to those who hold some."""
    gift = row({"event": "sign_up"}, name="gift", only={"segments": ["stars"]}, give={"points": 9})
    notice = row({"event": "points_expiring", "days": 10}, message=True)
    o = year({"earning": NO_POINTS, "expiry": expiry, "incentives": [gift, notice]}, population=NEVER_BUYS, seed=5)
    assert o.members is not None and o.total("purchases") == 0
    stars = o.members["segment"] == 0
    expected = np.zeros((400, 365), int)
    expected[stars, lapse - 10] = 1
    np.testing.assert_array_equal(told(o), expected)
    assert o.total("points_expired") == 9 * stars.sum()


def test_a_tier_passed_by_is_reached_too() -> None:
    """Who is lifted from silver to diamond gets what waits at gold and at diamond, once."""
    tiers = far("silver", "gold", "diamond")
    lift = row({"event": "first_purchase"}, name="lift", give={"tier": "diamond"})
    waits = [row({"event": "tier_reached", "tier": t}, name=t, give={"points": p}) for t, p in (("gold", 10), ("diamond", 100))]
    o = year({"earning": NO_POINTS, "tiers": tiers, "incentives": [lift, *waits]})
    assert o.members is not None
    assert o.total("points_bonus") == 110 * (o.members["buys"] > 0).sum()


def test_grants_stop_at_the_limit_of_a_member() -> None:
    o = year({"earning": POINTS, "incentives": [row({"event": "purchase"}, give={"points": 1}, limit=2)]})
    assert o.members is not None
    assert o.total("points_bonus") == np.minimum(o.members["buys"], 2).sum()


def test_a_price_for_a_segment_and_a_season() -> None:
    """A tenth off for stars in May, nobody else and no other day."""
    may = row({"event": "purchase"}, only={"segments": ["stars"]}, during={"price": 0.9},
              valid_from=dt.date(2027, 5, 1), valid_until=dt.date(2027, 5, 31))  # fmt: skip
    o = year({"incentives": [may]})
    assert o.members is not None
    stars = o.members["segment"] == 0
    assert o.total("incentive_discount") == 405 * bought(o)[np.ix_(stars, MONTH == 4)].sum() > 0


def test_a_category_has_its_share_of_purchases_and_a_least_basket_is_list_value() -> None:
    market = {"categories": [{"name": "food", "share": 0.75}, {"name": "toys", "share": 0.25}]}

    def given(only: dict[str, Any], price: float = 1.0) -> float:
        one = row({"event": "purchase"}, only=only, give={"points": 1})
        o = year({"earning": POINTS, "tiers": [{"name": "all", "price": price}], "incentives": [one]}, market=market)
        return o.total("points_bonus") / o.total("purchases")

    assert given({"category": "toys"}) == pytest.approx(0.25, abs=0.02)
    assert given({"category": "food"}) + given({"category": "toys"}) == pytest.approx(1.0)
    assert given({"min_basket": 40.5}, price=0.5) == 1.0
    assert given({"min_basket": 40.51}) == 0.0


def test_of_a_group_the_best_of_different_groups_all() -> None:
    """Double and triple points of one group are triple, of two groups six times; prices multiply in the order of the table."""
    two, three, cut, deep = (
        row({"event": "purchase"}, name=str(k), during=during)
        for k, during in enumerate(({"earning": 2.0}, {"earning": 3.0}, {"price": 0.9}, {"price": 0.5}))
    )
    for rows, points, paid in (
        ([{**two, "group": "x"}, {**three, "group": "x"}], 121, 4050),
        ([two, three], 243, 4050),
        ([{**cut, "group": "x"}, {**deep, "group": "x"}], 40, 2025),
        ([cut, deep], 40, 1823),  # half of 36.45, rounded half up
    ):
        o = year({"earning": {**POINTS, "base": "list"}, "incentives": rows})
        assert o.total("points_issued") == points * o.total("purchases")
        assert o.total("paid") == paid * o.total("purchases") == o.total("list_value") - o.total("incentive_discount")


def test_a_ladder_moves_members_until_they_have_climbed_it() -> None:
    """Who sees a ladder buys more; climbed by one purchase, it has brought nobody more than that one; unseen it moves nobody."""
    behaviour = only(points_pressure={"strength": 0.5})
    unaware = only(points_pressure={"strength": 0.5}, awareness={"share": 0.0, "learns": 0.0})

    def gained(window: str, reach: float, behaviour: dict[str, Any]) -> Ints:
        goal = row({"event": "spend_in_window", "window": window, "reach": reach}, give={"points": 10})
        o, plain = (year({"earning": NO_POINTS, "incentives": [goal]}, behaviour=which) for which in (behaviour, OFF))
        assert o.members is not None and plain.members is not None
        return np.asarray(o.members["buys"] - plain.members["buys"])

    assert gained("month", 200.0, behaviour).max() > 1
    assert set(gained("year", 0.01, behaviour)) == {0, 1}
    assert not gained("month", 200.0, unaware).any()


def test_a_message_costs_what_it_costs_and_goes_to_the_lapsed_too() -> None:
    mail = row({"event": "calendar", "days_of_month": [1, 15]}, message=True)
    leaving = {**OFTEN, "leaving": {"probability": 0.5}}
    o = year({"incentives": [mail]}, population=leaving, economics={"message_cost": 0.05})
    np.testing.assert_array_equal(o.by_month("messages"), 2 * 400)
    assert o.total("message_cost") == 5 * o.total("messages") and o.total("lapses") > 200
