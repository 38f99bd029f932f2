"""Traps of the membership plans (MECHANICS): arithmetic that the plans get wrong and the engine must get right."""

from __future__ import annotations

from typing import Any

import pytest
from scenes import only, scenario

from sim.measures import BY_NAME, measure_run
from sim.outcome import simulate

OFF = {"all_effects": False, "redeeming": {"probability": 0.0}}


def two_purchases_of_200(tier: str) -> dict[str, Any]:
    """A member of one P4 tier who spends 200 at a time: the card gift comes with the card, so the first purchase may use it."""
    price = {"silver": 0.95, "gold": 0.88, "diamond": 0.80}[tier]
    gift = {"silver": 10.0, "gold": 5.0, "diamond": None}[tier]
    incentives = [] if gift is None else [{"name": "card", "when": {"event": "sign_up"}, "give": {"coupon": {"value": gift}}}]
    return {
        "name": tier,
        "population": {"purchase_rate": {"mean": 1.0, "shape": 1000.0}, "basket": {"median": 200.0, "sigma": 0.0}},
        "programme": {"tiers": [{"name": tier, "price": price}], "incentives": incentives},
        "behaviour": OFF,
        "horizon": {"months": 1},
    }


@pytest.mark.parametrize(("tier", "saved"), [("silver", 20.0), ("gold", 29.0), ("diamond", 40.0)])
def test_trap_2_what_a_card_saves(tier: str, saved: float) -> None:
    """'Spend 200, a card saves 30' is true of no tier: 20, 29 and 40."""
    o = simulate(scenario(two_purchases_of_200(tier)), members=50, seed=1)
    first = o.total("coupons_used")
    assert first == (50 if tier != "diamond" else 0)
    off_first = (o.total("tier_discount") / o.total("purchases") * 50 + o.total("coupon_value")) / 50 / 100
    assert off_first == saved


@pytest.mark.parametrize(("base", "coupons"), [("paid", 0), ("list", 1)])
def test_trap_3_the_base_of_the_ladder(base: str, coupons: int) -> None:
    """A basket of 500 at list is 440 at gold: it misses a ladder of 500 that counts what is paid."""
    ladder = {
        "name": "ladder",
        "when": {"event": "spend_in_window", "window": "month", "reach": 500.0, "base": base},
        "give": {"coupon": {"value": 30.0}},
    }
    o = simulate(
        scenario(
            {
                "name": "ladder",
                "population": {"purchase_rate": {"mean": 0.02, "shape": 1000.0}, "basket": {"median": 500.0, "sigma": 0.0}},
                "programme": {"tiers": [{"name": "gold", "price": 0.88}], "incentives": [ladder]},
                "behaviour": OFF,
                "horizon": {"months": 1},
            }
        ),
        members=2000,
        seed=1,
        keep=True,
    )
    assert o.members is not None
    once = int((o.members["buys"] == 1).sum())
    more = int((o.members["buys"] > 1).sum())
    assert once > 300
    assert o.total("coupons_issued") == coupons * once + more


@pytest.mark.parametrize(("cut", "uplift", "wins"), [(0.05, 1 / 7, True), (0.12, 3 / 7, True), (0.20, 1.0, False)])
def test_trap_7_break_even_of_a_discount(cut: float, uplift: float, wins: bool) -> None:
    """At 40 % margin a discount d pays from an uplift of m / (m - d) - 1 on: 14.3, 42.9 and 100 %. Elasticity 2 reaches none of
    them, 3 reaches the first two."""
    for elasticity, pays in ((2.0, False), (3.0, wins)):
        base = {
            "name": "cut",
            "population": {"purchase_rate": {"mean": 0.05, "shape": 5.0}, "basket": {"median": 40.0, "sigma": 0.3}},
            "programme": {"tiers": [{"name": "all", "price": 1 - cut}]},
            "behaviour": only(price_response={"rate": elasticity, "basket": 0.0}),
            "economics": {"gross_margin": 0.4},
            "horizon": {"months": 12},
        }
        o = simulate(scenario(base), members=20_000, seed=1)
        lift = measure_run(o)["tier_rise.all"]
        assert lift == o.total("list_value") / o.total("base_list") - 1
        assert (lift > uplift) == pays
        assert (BY_NAME["incremental_net_margin"].compute(o) > 0) == pays


def test_trap_4_roi_is_gain_over_cost() -> None:
    """ROI = (incremental margin - cost) / cost: nothing gained is -1, gained as much as spent is 0."""
    base = {
        "name": "gift",
        "population": {"purchase_rate": {"mean": 0.05, "shape": 5.0}, "basket": {"median": 40.0, "sigma": 0.3}},
        "programme": {
            "incentives": [{"name": "gift", "when": {"event": "sign_up"}, "give": {"gift": {"cost": 3.0, "value": 0.0}}}]
        },
        "behaviour": OFF,
        "horizon": {"months": 3},
    }
    o = simulate(scenario(base), members=100, seed=1)
    assert BY_NAME["roi"].compute(o) == -1.0
    assert BY_NAME["incremental_net_margin"].compute(o) == -3.0


def test_trap_1_redemption_is_three_figures() -> None:
    """From 1:10 to 1:8 with 28 % more points redeemed the cost is 1.28 x 10 / 8 = 1.60 times, and of members the same redeem."""
    found = []
    for points, held in ((10, 100), (8, 128)):
        base = {
            "name": "ratio",
            "population": {"purchase_rate": {"mean": 0.02, "shape": 1.0}, "basket": {"median": 40.0, "sigma": 0.0}},
            "programme": {
                "earning": {"points_per_unit": 0.0},
                "rewards": [{"name": "one", "kind": "voucher", "points": points, "value": 1.0}],
                "incentives": [{"name": "gift", "when": {"event": "sign_up"}, "give": {"points": held}}],
            },
            "behaviour": {**OFF, "redeeming": {"probability": 1.0}},
            "horizon": {"months": 3},
        }
        found.append(measure_run(simulate(scenario(base), members=500, seed=1)))
    for name, times in (("points_redeemed", 1.28), ("redemption_cost", 1.60), ("redeemer_share", 1.0)):
        assert found[1][name] / found[0][name] == pytest.approx(times)


def test_trap_6_members_of_a_tier_against_the_rest_are_a_selection() -> None:
    """Where nobody reacts to anything, the top buys several times what the rest buys; what is gained is 0."""
    base = {
        "name": "top",
        "population": {"purchase_rate": {"mean": 0.05, "shape": 1.0}, "basket": {"median": 40.0, "sigma": 0.3}},
        "programme": {"tiers": [{"name": "low"}, {"name": "high", "requires": {"purchases": 20}, "price": 0.95}]},
        "behaviour": OFF,
        "horizon": {"months": 12},
    }
    o = simulate(scenario(base), members=2000, seed=1, keep=True)
    assert o.members is not None
    top = o.members["tier"] == 1
    assert top.sum() > 300
    assert o.members["buys"][top].mean() > 3 * o.members["buys"][~top].mean()
    assert BY_NAME["incremental_purchases"].compute(o) == 0.0
