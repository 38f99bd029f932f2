"""Membership fees and partners: who pays what when, where it is counted, and that nothing else changes."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scenes import PLAIN, RICH, only, scenario
from test_opening import in_two

from scenarios.finance.snapshot import snapshot
from sim import tally
from sim.margin import net_margin_by_month, point_cost
from sim.measures import BY_NAME
from sim.outcome import simulate
from sim.programme import Programme, is_programme

STAYS = {**PLAIN["population"], "leaving": {"probability": 0.0}}
LEAVES = {**PLAIN["population"], "leaving": {"probability": 0.2}, "new_members_per_month": 0.1}
POINTS = {"name": "points", "earning": {"points_per_unit": 1.0}}


def paid(months: int, every: int, **changes):
    programme = {"name": "club", "fee": {"amount": 9.99, "every_months": every}}
    return simulate(scenario(PLAIN, programme=programme, horizon={"months": months}, **changes), members=300, seed=1, keep=True)


def test_who_stays_pays_on_joining_and_at_every_renewal() -> None:
    """From day 0 of 2027: terms of 12 months end on the 365th day, on New Year 2028 and the last day of that year."""
    fees = paid(25, 12, population=STAYS).by_month("fees")
    assert fees[[0, 12, 23]].tolist() == [300 * 999] * 3
    assert fees.sum() == 3 * 300 * 999
    each = paid(12, 1, population=STAYS).by_month("fees")
    assert each.sum() == 12 * 300 * 999


def test_terms_of_a_month_end_with_their_year_however_a_run_is_cut() -> None:
    """365 / 12 days, added up as fractions of two, miss New Year by the last digit, now before it, now after."""
    programme = {"name": "club", "fee": {"amount": 9.99, "every_months": 1}}
    s = scenario(PLAIN, programme=programme, population=STAYS, horizon={"start": dt.date(2029, 1, 1), "months": 36})
    for at in (8, 16):
        whole, _, rest = in_two(s, at, 20, seed=1)
        np.testing.assert_array_equal(whole.by_month("fees")[at:], rest.by_month("fees"))
    assert whole.by_month("fees").reshape(3, 12).sum(axis=1).tolist() == [12 * 20 * 999] * 3


def test_who_has_lapsed_does_not_renew() -> None:
    """Without a way back: fees = joins and renewals of those active then, member by member."""
    o = paid(30, 6, population=LEAVES)
    assert o.members is not None
    renewals = o.total("fees") / 999 - o.total("joined")
    everybody = np.floor((o.tables.p["end"][0] - o.members["joined"]) / 182.5).sum()
    assert 0.1 * everybody < renewals < 0.9 * everybody
    gone = o.members["alive"] == 0
    assert (o.members["fee_until"][~gone] > o.tables.p["end"][0] - 1).all()
    assert o.total("fees") % 999 == 0


def test_who_comes_back_pays_at_the_first_purchase() -> None:
    back = {**LEAVES, "new_members_per_month": 0.0, "leaving": {"probability": 0.3, "return_rate": 0.01}}
    o = paid(30, 1, population=back)
    assert o.members is not None and o.total("returns") > 100
    end = o.tables.p["end"][0]
    bought = (o.members["last_buy"] > end - 30) & (o.members["alive"] == 1)  # within a term: they are paid up
    until, silent = o.members["fee_until"][bought], o.members["fee_until"] > 1e9
    assert bought.sum() > 10 and ((until >= end) & (until < end + 31)).all()
    assert silent.sum() > 10 and (o.members["alive"][silent] == 0).all()


def test_members_of_a_live_programme_renew_a_term_after_joining() -> None:
    """The tables tell when they joined: each pays once a year, in the month of joining; a new fee, at the next purchase."""
    people = pd.DataFrame({"member": range(24), "joined": [f"2025-{1 + k % 12:02d}-15" for k in range(24)]})
    programme = {"name": "club", "fee": {"amount": 9.99}}
    s = scenario(PLAIN, programme=programme, population=STAYS, horizon={"months": 12})
    live = snapshot(people, scenario=s)
    o = simulate(s, seed=1, opening=live.opening(s, seed=1, draw=None))
    np.testing.assert_array_equal(o.by_month("fees"), [2 * 999] * 12)
    free = simulate(scenario(PLAIN, population=STAYS, horizon={"months": 12}), members=50, seed=1, keep_state=True).state
    assert free is not None
    later = scenario(PLAIN, programme=programme, population=STAYS, horizon={"months": 6, "start": free.start})
    new = simulate(later, seed=1, opening=replace(free, tiers=("member",)), keep=True)
    assert new.members is not None
    bought = new.members["buys"] > free.members["buys"]
    assert new.total("fees") == 999 * bought.sum() > 0


def test_a_fee_changes_fees_and_nothing_else() -> None:
    """Behaviour does not know of it: every other tally is the same, and net margin rises by the fees."""
    free, club = (simulate(scenario(RICH, programme__fee=fee), members=500, seed=3) for fee in (None, {"amount": 20.0}))
    other = [k for k, name in enumerate(tally.NAMES) if name != "fees"]
    np.testing.assert_array_equal(free.cube[..., other], club.cube[..., other])
    assert free.total("fees") == 0 < club.total("fees")
    np.testing.assert_allclose(net_margin_by_month(club) - net_margin_by_month(free), club.by_month("fees") / 100)
    gained = BY_NAME["incremental_net_margin"]
    assert gained.compute(club) - gained.compute(free) == pytest.approx(BY_NAME["fee_income"].compute(club))
    assert is_programme(Programme.model_validate({"fee": {"amount": 1.0}}))


def partnered(share: float | None, charge: float = 0.0):
    partner = None if share is None else {"name": "gym", "charge": charge, "recovered": share}
    rewards = [
        {"name": "mug", "points": 100, "value": 4.0, "cost": 2.5, "partner": partner},
        {"name": "voucher", "points": 300, "value": 10.0, "kind": "voucher", "partner": partner},
    ]
    row = {"name": "year", "when": {"event": "anniversary"}, "give": {"gift": {"cost": 3.0, "value": 6.0, "partner": partner}}}
    programme = {**POINTS, "rewards": rewards, "incentives": [row]}
    return simulate(scenario(PLAIN, programme=programme, behaviour=only(), horizon={"months": 24}), members=400, seed=2)


def test_partners_charge_and_pay_back_by_the_unit() -> None:
    """Goods of 2.50 and gifts of 3.00 billed 0.50 on top, half of it all paid back; a voucher of 10.00 likewise."""
    alone, shared = partnered(None), partnered(0.5, 0.5)
    for name in ("reward_cost", "voucher_value", "gift_cost", "redemptions", "purchases", "points_redeemed", "both_cost"):
        assert alone.total(name) == shared.total(name) > 0, name
    units = (("reward_cost", 250), ("voucher_value", 1000), ("gift_cost", 300))
    mugs, vouchers, gifts = (alone.total(name) // cost for name, cost in units)
    assert shared.total("partner_charges") == 50 * (mugs + vouchers + gifts)
    assert shared.total("partner_recoveries") == -(150 * mugs + 525 * vouchers + 175 * gifts)
    assert shared.total("reward_partners") == -100 * mugs - 475 * vouchers
    benefit = BY_NAME["benefit_cost"]
    settled = (shared.total("partner_charges") + shared.total("partner_recoveries")) / 100 / 400
    assert benefit.compute(shared) - benefit.compute(alone) == pytest.approx(settled)
    assert point_cost(shared) == pytest.approx((150 * mugs + 525 * vouchers) / 100 / shared.total("points_redeemed"))
    assert alone.total("partner_charges") == 0 == alone.total("partner_recoveries")


def test_a_budget_counts_what_a_gift_costs_us() -> None:
    gift = {"cost": 4.0, "value": 4.0, "partner": {"name": "gym", "charge": 1.0, "recovered": 0.6}}
    row = {"name": "gift", "when": {"event": "purchase"}, "give": {"gift": gift}, "budget": 500.0}
    o = simulate(scenario(PLAIN, programme={"name": "gifts", "incentives": [row]}), members=400, seed=2)
    assert o.total("gift_cost") == 250 * 400  # 250 gifts of 2.00 net use it up
    assert o.total("gift_cost") + o.total("partner_charges") + o.total("partner_recoveries") == 50_000


def test_a_partner_who_does_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="give charge or recovered"):
        partnered(0.0)
