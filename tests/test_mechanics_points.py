"""What earns points, what points buy, and when they lapse: counted again from single members' purchases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mechanics_year import DAYS, MONTH, NEVER_BUYS, NO_POINTS, POINTS, bought, by_window, far, row, year

from sim.margin import fixed_cost_by_month
from sim.outcome import Outcome
from sim.state import W_REDEMPTIONS


@pytest.mark.parametrize(
    ("earning", "tier", "points"),
    [
        ({}, {}, 40),
        ({"rounding": "nearest"}, {}, 41),
        ({"points_per_unit": 2.0}, {}, 81),
        ({}, {"price": 0.9}, 36),  # of 36.45 paid
        ({"base": "list"}, {"price": 0.9}, 40),
        ({}, {"earning": 1.5}, 60),  # of 60.75
    ],
)
def test_points_of_a_purchase(earning: dict[str, Any], tier: dict[str, Any], points: int) -> None:
    o = year({"earning": {**POINTS, **earning}, "tiers": [{"name": "all", **tier}]})
    assert o.total("points_issued") == points * o.total("purchases")
    assert o.total("points_bonus") == 0


def test_a_cap_bounds_the_points_of_a_calendar_month() -> None:
    """Those of purchases, not those of campaigns."""
    gift = row({"event": "sign_up"}, give={"points": 500})
    o = year({"earning": {**POINTS, "cap_per_month": 100}, "incentives": [gift]})
    earned = np.minimum(by_window(bought(o), 1) * 40, 100)
    assert (earned == 100).any() and (earned == 40).any()
    given = 500 * o.n * (np.arange(12) == 0)
    np.testing.assert_array_equal(o.by_month("points_issued"), earned.sum(axis=0) + given)


def test_pending_points_cannot_be_spent_yet() -> None:
    """At a month's end those of its last 7 days are pending; nothing is redeemed in the first 7 days of the run."""
    rewards = [{"name": "mug", "points": 40, "cost": 1.0}]
    now, later = (year({"earning": {**POINTS, "pending_days": days}, "rewards": rewards}) for days in (0, 7))
    np.testing.assert_array_equal(bought(now), bought(later))
    last = (DAYS + 7).astype("datetime64[M]") > DAYS.astype("datetime64[M]")
    late = np.where(last, bought(later), 0)
    np.testing.assert_array_equal(later.by_month("pending"), 40 * by_window(late, 1).sum(axis=0))
    np.testing.assert_array_equal(now.by_month("points_issued"), later.by_month("points_issued"))
    assert later.watch is not None and now.watch is not None
    assert later.watch[:, :7, W_REDEMPTIONS].sum() == 0 < now.watch[:, :7, W_REDEMPTIONS].sum()


def spent(rewards: list[dict[str, Any]], points: int = 100, **more: Any) -> Outcome:
    """Members who have so many points from joining, earn none, and redeem whenever they can."""
    gift = row({"event": "sign_up"}, give={"points": points})
    return year({"earning": NO_POINTS, "rewards": rewards, "incentives": [gift], **more})


def test_the_dearest_reward_first_one_a_purchase() -> None:
    o = spent([{"name": "mug", "points": 20, "cost": 1.0}, {"name": "care", "kind": "service", "points": 70, "cost": 4.0}])
    assert o.members is not None
    n = o.members["buys"]
    assert o.total("redemptions") == np.minimum(n, 2).sum()
    assert o.total("points_redeemed") == 70 * (n > 0).sum() + 20 * (n > 1).sum()
    assert o.total("reward_cost") == 400 * (n > 0).sum() + 100 * (n > 1).sum()
    assert o.total("paid") == o.total("list_value")


@pytest.mark.parametrize(("points", "each"), [(8, 5), (10, 4)])
def test_a_ratio_of_points_to_money(points: int, each: int) -> None:
    """40 points at 1:8 are 5 off, at 1:10 they are 4: trap 1, the cost of a point and the points are two things."""
    o = spent([{"name": "one", "kind": "voucher", "points": points, "value": 1.0}], points=40)
    assert o.members is not None
    who = (o.members["buys"] > 0).sum()
    assert (o.total("redemptions"), o.total("voucher_value")) == (each * who, each * 100 * who)
    assert o.total("points_redeemed") == 40 * who
    assert o.total("list_value") - o.total("paid") == each * 100 * who


def test_an_upgrade_for_points_is_the_next_tier_and_costs_nothing_at_the_top() -> None:
    tiers = far("low", "middle", "top")
    o = spent([{"name": "up", "kind": "tier_upgrade", "points": 20}], tiers=tiers)
    assert o.members is not None
    n = o.members["buys"]
    np.testing.assert_array_equal(o.members["tier"], np.minimum(n, 2))
    np.testing.assert_array_equal(o.members["balance"], 100 - 20 * np.minimum(n, 2))
    assert o.total("reward_cost") == 0 and o.total("upgrades") == np.minimum(n, 2).sum()


def test_longer_validity_moves_the_lapse_of_those_who_bought_it() -> None:
    """Points of January, valid a month, lapse with February; 2 months longer, with April; bought once."""
    o = spent([{"name": "longer", "kind": "longer_validity", "points": 30, "months": 2}], expiry={"rule": "rolling", "months": 1})
    assert o.members is not None
    early = bought(o)[:, MONTH < 2].sum(axis=1) > 0
    np.testing.assert_array_equal(o.by_month("points_expired"), [0, 100 * (~early).sum(), 0, 70 * early.sum(), *[0] * 8])
    assert o.total("redemptions") == early.sum()


def test_longer_validity_holds_for_idle_points_too() -> None:
    """Points lapse 30 days after the last purchase, or joining; a year later of those who bought it in time."""
    reward = {"name": "longer", "kind": "longer_validity", "points": 30, "months": 12}
    o = spent([reward], expiry={"rule": "inactivity", "months": 1})
    assert o.members is not None
    late = o.members["redeemed"] == 0
    assert 0 < late.sum() < len(late) and o.total("redemptions") == (~late).sum()
    np.testing.assert_array_equal(o.by_month("points_expired"), [100 * late.sum(), *[0] * 11])
    np.testing.assert_array_equal(o.members["balance"], np.where(late, 0, 70))


def test_nobody_buys_a_longer_life_for_points_that_never_lapse() -> None:
    o = spent([{"name": "longer", "kind": "longer_validity", "points": 30, "months": 12}], expiry={"rule": "never"})
    assert o.members is not None and o.total("redemptions") == 0 and (o.members["balance"] == 100).all()


def test_a_fixed_date_takes_what_has_had_its_months() -> None:
    """Ten points on the first of each month, taken at the end of June after two months or more: those of January to April, then
    at the next such date those of twelve months."""
    gift = row({"event": "calendar", "days_of_month": [1]}, give={"points": 10})
    programme = {"earning": NO_POINTS, "expiry": {"rule": "fixed_date", "months": 2, "month": 6}, "incentives": [gift]}
    o = year(programme, months=18, population=NEVER_BUYS, members=5)
    expected = np.zeros(18, int)
    expected[[5, 17]] = 5 * 40, 5 * 120
    np.testing.assert_array_equal(o.by_month("points_expired"), expected)


def test_a_refreshed_catalogue_costs_each_time() -> None:
    """Every third month from the launch on, and nothing else where nobody reacts to it."""
    rewards = {"earning": POINTS, "rewards": [{"name": "mug", "points": 40, "cost": 1.0}]}
    plain, fresh = (year({**rewards, **more}) for more in ({}, {"catalogue_refresh_months": 3, "catalogue_refresh_cost": 900.0}))
    np.testing.assert_array_equal(plain.cube, fresh.cube)
    share = 900.0 * 400 / fresh.scenario.population.members
    np.testing.assert_allclose(fixed_cost_by_month(fresh) - fixed_cost_by_month(plain), [share, 0, 0] * 4)
