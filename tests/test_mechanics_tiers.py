"""How tiers are reached and lost, and what they give to whom: counted again from single members' purchases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mechanics_year import OFF, OFTEN, POINTS, bought, by_window, row, year
from scenes import only, scenario

from sim import tally
from sim.log import member_log
from sim.outcome import simulate


def test_levels_are_reached_by_purchases_and_hold_from_the_next_one() -> None:
    """Four levels; the purchase that leads to one has the price of the level before."""
    asked, prices = (0, 1, 4, 10), (1.0, 1.0, 0.9, 0.8)
    tiers = [
        {"name": name, "price": price, **({"requires": {"purchases": least}} if least else {})}
        for name, price, least in zip(("prospect", "active", "loyal", "head"), prices, asked, strict=True)
    ]
    o = year({"tiers": tiers})
    assert o.members is not None
    n = o.members["buys"]
    np.testing.assert_array_equal(o.members["tier"], np.searchsorted(asked, n, side="right") - 1)
    assert set(o.members["tier"]) == {0, 1, 2, 3}
    off = 405 * np.clip(n - 4, 0, 6) + 810 * np.clip(n - 10, 0, None)
    assert o.total("tier_discount") == off.sum() and o.total("list_value") - o.total("paid") == off.sum()


@pytest.mark.parametrize(("window", "months"), [("cumulative", 12), ("calendar", 3), ("rolling", 3), ("rolling", 1)])
@pytest.mark.parametrize("requires", [{"purchases": 3}, {"spend": 121.5}])
def test_a_tier_is_that_of_its_window(window: str, months: int, requires: dict[str, float]) -> None:
    """Reviewed every month, up at once: at each month's end exactly those are high who bought three times in the window."""
    tiers = [{"name": "low"}, {"name": "high", "requires": requires}]
    rules = {"window": window, "months": months, "review_every_months": 1, "downgrade": "full"}
    o = year({"tiers": tiers, "qualification": rules})
    by_month = by_window(bought(o), 1)
    first = [max(0, k - months + 1) if window == "rolling" else k // months * months for k in range(12)]
    high = [(by_month[:, first[k] : k + 1].sum(axis=1) >= 3).sum() for k in range(12)]
    np.testing.assert_array_equal(o.cube[:, 1, :, tally.MEMBERS].sum(axis=1), high)
    assert 0 < high[0] < 400


@pytest.mark.parametrize(("base", "needed"), [("list", 3), ("paid", 4)])
def test_spend_counts_at_list_or_as_paid(base: str, needed: int) -> None:
    """Three baskets of 40.50 are 121.50 at list, and 109.35 where a tenth is off."""
    tiers = [{"name": "low", "price": 0.9}, {"name": "high", "requires": {"spend": 121.5}}]
    o = year({"tiers": tiers, "qualification": {"base": base}})
    assert o.members is not None
    np.testing.assert_array_equal(o.members["tier"] == 1, o.members["buys"] >= needed)


def test_a_tier_may_begin_with_the_next_review() -> None:
    """Reached in a quarter, it holds from the quarter's end."""
    tiers = [{"name": "low"}, {"name": "high", "requires": {"purchases": 3}, "price": 0.9}]
    o = year({"tiers": tiers, "qualification": {"upgrade": "at_review", "review_every_months": 3}})
    by_quarter = by_window(bought(o), 3)
    before = by_quarter.cumsum(axis=1) - by_quarter
    assert o.total("tier_discount") == 405 * by_quarter[before >= 3].sum() > 0


def test_points_that_qualify_are_those_of_purchases() -> None:
    """500 points given lift nobody; 200 earned do, multipliers included."""
    tiers = [{"name": "low", "earning": 2.0}, {"name": "high", "requires": {"points": 200}}]
    gift = row({"event": "sign_up"}, give={"points": 500})
    o = year({"earning": POINTS, "tiers": tiers, "incentives": [gift]})
    assert o.members is not None
    np.testing.assert_array_equal(o.members["tier"] == 1, o.members["buys"] >= 3)  # 81 points each


def test_what_a_tier_gives_is_given_to_its_members() -> None:
    """Free delivery a purchase, care a member and month, lapsed or not; members of the tier below cost nothing."""
    high = {"name": "high", "requires": {"purchases": 5}, "free_delivery": True, "care_cost_per_month": 1.5}
    leaving = {**OFTEN, "leaving": {"probability": 0.1}}
    o = year({"tiers": [{"name": "low"}, high]}, economics={"delivery_cost": 2.0}, population=leaving)
    low, top = (o.cube[:, k].sum(axis=1) for k in (0, 1))
    np.testing.assert_array_equal(top[:, tally.CARE_COST], 150 * top[:, tally.MEMBERS])
    np.testing.assert_array_equal(top[:, tally.DELIVERY_COST], 200 * top[:, tally.PURCHASES])
    assert top[-1, tally.ALIVE] < top[-1, tally.MEMBERS] and top[:, tally.PURCHASES].sum() > 0
    assert low[:, [tally.CARE_COST, tally.DELIVERY_COST]].sum() == 0


MUG = {"name": "mug", "points": 40}
GIFT = {"name": "gift", "when": {"event": "purchase"}}


@pytest.mark.parametrize(
    ("bare", "worth"),
    [
        ({"tiers": [{"name": "all"}]}, {"tiers": [{"name": "all", "care_value_per_month": 8.0}]}),
        ({"earning": POINTS, "rewards": [MUG]}, {"earning": POINTS, "rewards": [{**MUG, "value": 8.0}]}),
        *(
            ({"incentives": [{**GIFT, "give": {"gift": {"cost": 0.0, "value": 0.0}}}]}, {"incentives": [{**GIFT, **given}]})
            for given in (
                {"give": {"gift": {"cost": 0.0, "value": 8.0}}},
                {"give": {"coupon": {"value": 8.0}}},
                {"during": {"price": 0.8}},
            )
        ),
    ],
)
def test_what_is_worth_something_keeps_members(bare: dict[str, Any], worth: dict[str, Any]) -> None:
    """Care, a reward, a gift, a coupon, a price: by the effect on leaving alone some stay who would have left, none leaves."""
    leaving, stay = {**OFTEN, "leaving": {"probability": 0.1}}, only(retention={})
    a, b = (year(programme, population=leaving, behaviour=stay).members for programme in (bare, worth))
    assert a is not None and b is not None
    assert (a["alive"] <= b["alive"]).all() and a["alive"].sum() + 5 < b["alive"].sum()
    np.testing.assert_array_equal(a["alive0"], b["alive0"])


def test_a_match_is_a_tier_on_joining_until_a_review_takes_it() -> None:
    """Stars begin at the top; at the year's end who bought too little goes down."""
    tiers = [{"name": "low"}, {"name": "high", "requires": {"purchases": 20}}]
    match = row({"event": "sign_up"}, only={"segments": ["stars"]}, give={"tier": "high"})
    o = year({"tiers": tiers, "incentives": [match], "qualification": {"window": "calendar", "downgrade": "full"}})
    assert o.members is not None
    stars, n = o.members["segment"] == 0, o.members["buys"]
    assert o.total("upgrades") == stars.sum() + (~stars & (n >= 20)).sum()
    assert o.total("downgrades") == (stars & (n < 20)).sum() > 0
    np.testing.assert_array_equal(o.cube[0, 1, 0, tally.MEMBERS], stars.sum())


def test_a_card_lapses_some_time_after_the_last_purchase() -> None:
    """Valid for 30 days from each purchase: after a longer gap the tier is lost, and has to be earned again: no downgrade."""
    tiers = [{"name": "low"}, {"name": "high", "requires": {"purchases": 2}, "price": 0.9}]
    s = scenario({"name": "card", "population": OFTEN, "behaviour": OFF, "horizon": {"months": 12},
                  "programme": {"tiers": tiers, "card_valid_months": 1}})  # fmt: skip
    log = member_log(s, 40, members=40, seed=4)
    cut = set(zip(*(log.loc[log["what"] == "tier_discount", c] for c in ("member", "at")), strict=True))
    lost = 0
    for member, moments in log[log["what"] == "purchases"].groupby("member")["at"]:
        counted, last = 0, 0.0
        for at in moments:
            lost += counted >= 2 and at - last > 30
            counted = counted if at - last <= 30 else 0
            assert ((member, at) in cut) == (counted >= 2)
            counted, last = counted + 1, at
    assert lost > 5
    assert not (log["what"] == "downgrades").any() and simulate(s, members=40, seed=4).total("upgrades") > lost
