"""Purchases that are returned: in both worlds or none, on their day, with their points, and with nothing else."""

import numpy as np
import pytest
from pydantic import ValidationError
from scenes import PLAIN, RICH, scenario, without

from sim import tally
from sim.outcome import simulate
from sim.reference import _named
from sim.rules import ledger
from sim.state import C_CLAWED_BACK, C_REDEEMED, Chunk, empty_chunk
from sim.tables import Tables
from sim.tabulating import compile_tables

AMOUNTS = ("list_value", "paid", "tier_discount", "incentive_discount", "coupon_value", "voucher_value", "base_list", "both_list")
CALM = {**RICH, "behaviour": {"all_effects": False}, "market": {k: v for k, v in RICH["market"].items() if k != "refunds"}}
SHOP = {"name": "shop", "earning": {"points_per_unit": 1.0}, "rewards": [{"name": "mug", "points": 100, "cost": 2.0}]}


def refunded(base: dict, share: float, after_days: int, **changes):
    return scenario(base, market__refunds={"share": share, "after_days": after_days}, **changes)


def test_returns_are_on_their_day_and_of_what_was_paid() -> None:
    """Where all is returned after 10 days, a day's receipts are its sales less those of 10 days before, to the cent."""
    days = (0.0, 1.0, 59)
    sold = simulate(scenario(PLAIN, horizon={"months": 2}), members=500, seed=1, watch=days).watch
    left = simulate(refunded(PLAIN, 1 - 1e-12, 10, horizon={"months": 2}), members=500, seed=1, watch=days).watch
    assert sold is not None and left is not None
    paid, kept = sold[..., 1].sum(axis=0), left[..., 1].sum(axis=0)
    np.testing.assert_array_equal(kept[:10], paid[:10])
    np.testing.assert_array_equal(kept[10:], paid[10:] - paid[:-10])
    assert paid.sum() > 0


def test_the_share_is_the_share() -> None:
    o = simulate(refunded(PLAIN, 0.2, 1), members=20_000, seed=2)
    sd = (0.2 * 0.8 / o.total("purchases")) ** 0.5
    assert o.total("refunds") / o.total("purchases") == pytest.approx(0.2, abs=4 * sd + 0.2 / 365)


def test_nothing_else_changes() -> None:
    """With every effect off, members buy, lapse, earn and use coupons as if all were kept; net amounts are gross less returned.

    Tiers and what comes with them apart: a returned purchase does not count towards one.
    """
    base = {**CALM, "programme": {**RICH["programme"], "tiers": [{"name": "gold", "price": 0.9}]}}
    base["programme"]["incentives"] = [
        {k: v for k, v in row.items() if k != "budget"} for row in RICH["programme"]["incentives"]
        if row["name"] not in ("sprint", "arrived", "birthday", "lapsing")
    ]  # fmt: skip
    base["programme"]["rewards"] = []
    kept, some = (simulate(s, members=2000, seed=3) for s in (scenario(base), refunded(base, 0.3, 20)))
    for name in ("purchases", "active", "lapses", "points_issued", "coupons_used", "delivery_cost", "base_purchases", "messages"):
        np.testing.assert_array_equal(kept.by_month(name), some.by_month(name), err_msg=name)
    np.testing.assert_array_equal(kept.by_month("list_value"), some.by_month("list_value") + some.by_month("refunded_list"))
    assert some.total("points_clawed_back") > 0 and some.total("refunds") > 0
    assert kept.total("refunds") == 0 == kept.total("points_clawed_back") == kept.total("owed")


def test_everything_returned_leaves_nothing() -> None:
    """A programme with prices, coupons and vouchers: when all is returned after the last purchase, every amount is 0, benefits
    handed over at purchases included."""
    base = {**without(RICH, "win60", "win200"), "population": {**RICH["population"], "leaving": {"probability": 0.5}}}
    vouchers = [{"name": "voucher", "points": 20, "value": 5.0, "kind": "voucher"}]  # for points of tasks and campaigns
    changes = {"population__new_members_per_month": 0.0, "programme__rewards": vouchers, "economics": {}, "horizon__months": 60}
    o = simulate(refunded(base, 1 - 1e-12, 3, **changes), members=300, seed=5)
    assert o.total("purchases") == o.total("refunds") > 100
    names = (*AMOUNTS, "both_base_list", "both_cost", "gained_list", "kept_list", "lost_list", "gone_list")
    assert {name: o.total(name) for name in names} == dict.fromkeys(names, 0)
    assert o.total("coupons_used") > 0 and o.total("redemptions") > 0


def one(clawback: str = "negative", pending: int = 0) -> tuple:
    """A member on the desk: member, chunk and tables."""
    s = refunded(PLAIN, 0.1, 14, programme={**SHOP, "earning": {"pending_days": pending, "clawback": clawback}})
    t = compile_tables(s, members=1, cohorts=True)
    chunk = Chunk(*(_named(a) for a in empty_chunk(t, 1)))
    return chunk.members[0], chunk, Tables(*(_named(a) for a in t))


def moved(s: Chunk, column: int) -> list[int]:
    return s.cohorts[..., column].sum(axis=(1, 2))[:4].tolist()


def test_a_refund_after_redemption_leaves_the_right_negative_balance() -> None:
    """100 earned and spent, 30 earned; the purchase of the 100 is returned: 30 are there, 70 are owed, and later points repay."""
    m, s, t = one()
    ledger.credit(m, 0, s, t, 100, 0, 0, 0)
    ledger.burn(m, 0, s, t, 100, 0, C_REDEEMED)
    ledger.credit(m, 0, s, t, 30, 0, 1, 0)
    ledger.claw_back(m, 0, s, t, 100, 5.0, 0, 40.0, 1, 0)
    assert (m.balance, m.debt, s.cube[0, tally.POINTS_CLAWED_BACK]) == (0, 70, 30)
    ledger.credit(m, 0, s, t, 50, 0, 2, 0)
    assert (m.balance, m.debt) == (0, 20)
    ledger.credit(m, 0, s, t, 50, 0, 3, 0)
    assert (m.balance, m.debt, s.cube[0, tally.POINTS_CLAWED_BACK]) == (30, 0, 100)
    assert moved(s, C_CLAWED_BACK) == [0, 30, 50, 20]
    assert s.lots[0].sum() == 30


@pytest.mark.parametrize(("clawback", "left", "taken"), [("to_zero", 0, 30), ("none", 30, 0)])
def test_a_programme_may_stop_at_zero_or_let_points_be(clawback: str, left: int, taken: int) -> None:
    m, s, t = one(clawback)
    ledger.credit(m, 0, s, t, 30, 0, 0, 0)
    ledger.claw_back(m, 0, s, t, 100, 5.0, 0, 19.0, 0, 0)
    assert (m.balance, m.debt, s.cube[0, tally.POINTS_CLAWED_BACK]) == (left, 0, taken)


def test_the_very_points_go_first_then_the_oldest() -> None:
    m, s, t = one()
    for month, points in ((0, 10), (1, 20), (2, 40), (3, 80)):
        ledger.credit(m, 0, s, t, points, 0, month, 0)
    ledger.claw_back(m, 0, s, t, 55, 70.0, 2, 95.0, 3, 0)
    assert moved(s, C_CLAWED_BACK) == [10, 5, 40, 0]
    assert (m.balance, m.oldest) == (95, 1)
    ledger.claw_back(m, 0, s, t, 15, 33.0, 1, 95.0, 3, 0)
    assert (m.balance, m.oldest) == (80, 3)


def test_pending_points_of_a_returned_purchase_never_become_spendable() -> None:
    m, s, t = one(pending=30)
    ledger.earn(m, 0, s, t, 50, 3.5, 0, 0)
    ledger.earn(m, 0, s, t, 20, 5.5, 0, 0)
    assert (m.pending, m.pend_day) == (70, 33.0)
    ledger.claw_back(m, 0, s, t, 50, 33.0, 1, 17.0, 0, 0)
    assert (m.pending, m.pend_day, m.debt) == (20, 35.0, 0)
    ledger.mature(m, 0, s, t, 40.0, 1, 0)
    assert (m.pending, m.balance) == (0, 20)


def test_a_returned_purchase_does_not_count_towards_a_tier() -> None:
    """All is returned after a day: nobody keeps a tier that needs 3 purchases, however it is counted."""
    tiers = [{"name": "blue"}, {"name": "gold", "requires": {"purchases": 3}}]
    for window in ("rolling", "calendar", "cumulative"):
        rules = {"window": window, "months": 3, "review_every_months": 1, "downgrade": "full", "upgrade": "at_review"}
        programme = {"name": "tiers", "tiers": tiers, "qualification": rules}
        s = refunded(PLAIN, 1 - 1e-12, 1, programme=programme, population__purchase_rate={"mean": 0.2, "shape": 5.0})
        o = simulate(s, members=400, seed=5, keep=True)
        assert o.members is not None
        late = o.members["last_buy"] >= 364  # returned only after the run
        assert (o.members["count_q"][~late] == 0).all() and (o.members["spend_q"][~late] == 0).all()
        assert (o.members["spend_q"] >= 0).all()
        assert o.total("upgrades") < 0.05 * o.total("purchases")


def test_what_makes_no_sense_is_refused() -> None:
    for share, days in ((0.0, 14), (1.0, 14), (0.1, 0), (0.1, 61)):
        with pytest.raises(ValidationError):
            refunded(PLAIN, share, days)
