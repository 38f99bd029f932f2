"""Points and money are conserved to the last unit, for every member at every meeting point, under random programmes."""

import copy

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenes import RICH, scenario

from sim import tally
from sim.production import Crew
from sim.state import C_REDEEMED, Chunk
from sim.tabulating import compile_tables


@st.composite
def programmes(draw):
    """Random programmes around the rich one: every rule of earning, expiry, tiers and rewards, any subset of incentives."""
    programme = copy.deepcopy(RICH["programme"])
    whole = st.integers
    programme["earning"] = {
        "points_per_unit": draw(st.sampled_from([0.1, 1.0, 2.5, 33.333])),
        "base": draw(st.sampled_from(["list", "paid"])),
        "pending_days": draw(whole(0, 40)),
        "rounding": draw(st.sampled_from(["down", "nearest"])),
        "clawback": draw(st.sampled_from(["negative", "to_zero", "none"])),
        **({"cap_per_month": draw(whole(1, 500))} if draw(st.booleans()) else {}),
    }
    rule = draw(st.sampled_from(["never", "rolling", "fixed_date", "inactivity"]))
    programme["expiry"] = {
        "rule": rule,
        "months": draw(whole(0 if rule == "fixed_date" else 1, 5)),
        "month": draw(whole(1, 12)),
    }
    programme["qualification"] = {
        "window": draw(st.sampled_from(["cumulative", "calendar", "rolling"])),
        "months": draw(st.sampled_from([1, 3, 6, 12])),
        "base": draw(st.sampled_from(["list", "paid"])),
        "upgrade": draw(st.sampled_from(["at_once", "at_review"])),
        "review_every_months": draw(whole(1, 6)),
        "downgrade": draw(st.sampled_from(["never", "one_step", "full"])),
        "grace_months": draw(whole(0, 3)),
    }
    programme["rewards"] = draw(st.lists(st.sampled_from(programme["rewards"]), unique_by=lambda r: r["name"]))
    for reward in programme["rewards"]:
        reward["points"] = draw(whole(1, 400))
    if draw(st.booleans()):
        del programme["card_valid_months"]
    programme["fee"] = draw(st.sampled_from([None, {"amount": 3.0, "every_months": draw(whole(1, 14))}]))
    kept = draw(st.lists(st.booleans(), min_size=13, max_size=13))
    programme["incentives"] = [row for row, keep in zip(programme["incentives"], kept, strict=True) if keep]
    for k in range(draw(whole(0, 3))):
        days = [draw(st.sampled_from([1, 10, 18, 31]))]
        gifts = [{"points": 20}, {"coupon": {"value": 5.0, "days": 3}}, {"gift": {"cost": 1.0, "value": 2.0}, "tier": "gold"}]
        programme["incentives"].append(
            {
                "name": f"days {k}",
                "when": {"event": "calendar", "days_of_month": days, "days_before": draw(st.sampled_from([0, 1, 40]))},
                "give": draw(st.sampled_from(gifts)),
                "message": draw(st.booleans()),
                "budget": draw(st.sampled_from([None, 20.0])),
            }
        )
    if programme["expiry"]["rule"] == "never":
        programme["incentives"] = [row for row in programme["incentives"] if row["name"] != "lapsing"]
    return programme


def check(chunk: Chunk) -> None:
    m, total = chunk.members, chunk.cube.sum(axis=0)
    assert (chunk.lots >= 0).all()
    assert (chunk.pend >= 0).all()
    np.testing.assert_array_equal(chunk.lots.sum(axis=1), m["balance"])
    np.testing.assert_array_equal(chunk.pend.sum(axis=1), m["pending"])
    if len(chunk.lot_tiers):  # by tier of earning, lot by lot
        for pool, tiers in ((chunk.lots, chunk.lot_tiers), (chunk.pend, chunk.pend_tiers)):
            assert (tiers >= 0).all()
            np.testing.assert_array_equal(tiers.reshape(*pool.shape, -1).sum(axis=2), pool)
        gone = chunk.cohorts.sum(axis=(0, 1))
        held = sum(tiers.reshape(-1, len(gone)).sum(axis=0) for tiers in (chunk.lot_tiers, chunk.pend_tiers))
        np.testing.assert_array_equal(gone[:, 0] - gone[:, 1:].sum(axis=1), held)
    assert (m["debt"] >= 0).all()
    assert (m["balance"][m["debt"] > 0] == 0).all()
    parts = tally.BOTH_LIST, tally.GAINED_LIST, tally.KEPT_LIST
    assert sum(total[k] for k in parts) == total[tally.LIST_VALUE]
    assert sum(total[k] for k in (tally.BOTH_BASE_LIST, tally.LOST_LIST, tally.GONE_LIST)) == total[tally.BASE_LIST]
    left = total[tally.POINTS_ISSUED] - total[tally.POINTS_REDEEMED] - total[tally.POINTS_EXPIRED]
    left -= total[tally.POINTS_CLAWED_BACK]
    assert left == m["balance"].sum() + m["pending"].sum()
    taken_off = sum(
        total[k] for k in (tally.TIER_DISCOUNT, tally.INCENTIVE_DISCOUNT, tally.COUPON_VALUE, tally.VOUCHER_VALUE)
    )
    assert total[tally.LIST_VALUE] - taken_off == total[tally.PAID]
    assert total[tally.COUPONS_USED] <= total[tally.COUPONS_ISSUED]
    if chunk.quals.shape[1] > 1:  # a rolling window's months add up to its total
        np.testing.assert_array_equal(chunk.quals["spend"].sum(axis=1), m["spend_q"])
        np.testing.assert_array_equal(chunk.quals["count"].sum(axis=1), m["count_q"])
    assert min(m[name].min() for name in ("spend_q", "points_q", "count_q")) >= 0


@st.composite
def markets(draw):
    """The rich market with any returns of goods, or none."""
    refunds = {"share": draw(st.floats(0.01, 0.9)), "after_days": draw(st.integers(1, 60))}
    return {**RICH["market"], "refunds": draw(st.sampled_from([refunds, None]))}


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(programme=programmes(), market=markets(), seed=st.integers(0, 1000))
def test_conservation(programme: dict, market: dict, seed: int) -> None:
    """One member a chunk: what holds for the chunk holds for the member."""
    t = compile_tables(scenario({**RICH, "programme": programme, "market": market}), members=12, seed=seed, cohorts=seed % 2 == 0)
    crew = Crew(t, chunk=1, stays=True, threads=1)
    for moment in (1.0, 17.0, 31.0, 90.0, 91.0, 181.0, 300.0, 455.0):
        crew.advance(moment)
        for chunk in crew.chunks:
            check(chunk)


def test_a_lapsed_lot_never_takes_spent_points() -> None:
    """Without new points, what has lapsed and been spent is never more than was issued, lot by lot: FIFO spends what would lapse
    first, so a member who redeems before the lapse loses exactly the rest of the oldest lot."""
    from sim.reference import _named
    from sim.rules import ledger
    from sim.state import empty_chunk
    from sim.tables import Tables

    t = compile_tables(scenario(RICH, programme__expiry={"rule": "rolling", "months": 2}), members=1)
    named = Tables(*(_named(a) for a in t))
    s = Chunk(*(_named(a) for a in empty_chunk(t, 1)))
    m = s.members[0]
    ledger.credit(m, 0, s, named, 100, 0, 0, 0)
    ledger.credit(m, 0, s, named, 50, 0, 1, 0)
    ledger.burn(m, 0, s, named, 70, 1, C_REDEEMED)
    ledger.lapse_lots(m, 0, s, named, 2, 0)
    assert m.balance == 50
    assert s.cube[0, tally.POINTS_EXPIRED] == 30
    ledger.burn(m, 0, s, named, 50, 2, C_REDEEMED)
    ledger.lapse_lots(m, 0, s, named, 3, 0)
    assert (m.balance, s.cube[0, tally.POINTS_EXPIRED]) == (0, 30)
    ledger.credit(m, 0, s, named, 20, 0, 3, 0)
    ledger.credit(m, 0, s, named, 20, 0, 4, 0)
    ledger.burn(m, 0, s, named, 40, 4, C_REDEEMED)  # across lots to the very last point
    assert m.balance == 0


def test_a_broken_rule_hangs_no_run() -> None:
    """A balance or pending points that no lot holds are looked for once, and stay for `check` to find."""
    from sim.reference import _named
    from sim.rules import ledger
    from sim.state import empty_chunk
    from sim.tables import Tables

    t = compile_tables(scenario(RICH), members=1)
    named = Tables(*(_named(a) for a in t))
    s = Chunk(*(_named(a) for a in empty_chunk(t, 1)))
    m = s.members[0]
    m.balance, m.pending = 7, 3
    ledger.burn(m, 0, s, named, 2, 1, C_REDEEMED)
    ledger.lapse_lots(m, 0, s, named, 5, 0)
    ledger.claw_back(m, 0, s, named, 1, 0.0, 99, 40.0, 1, 0)
    ledger.mature(m, 0, s, named, 10.0, 0, 0)
    assert (m.balance, m.pending, s.lots.sum(), s.pend.sum()) == (4, 3, 0, 0)


def test_of_a_lot_the_points_of_the_lowest_tier_go_first() -> None:
    """First in, first out by month of credit, whatever the tier; within a month from the lowest tier of earning up."""
    from sim.reference import _named
    from sim.rules import ledger
    from sim.state import C_CLAWED_BACK, C_EXPIRED, empty_chunk
    from sim.tables import Tables

    t = compile_tables(scenario(RICH), members=1, cohorts=True)
    named = Tables(*(_named(a) for a in t))
    s = Chunk(*(_named(a) for a in empty_chunk(t, 1)))
    m = s.members[0]
    for points, tier, month in ((30, 2, 0), (20, 0, 1), (50, 2, 1), (10, 1, 1)):
        ledger.credit(m, 0, s, named, points, tier, month, 0)
    ledger.burn(m, 0, s, named, 65, 1, C_REDEEMED)  # all of month 0, then 20 and 10, then 5 of the highest
    assert s.cohorts[0, 1, :, C_REDEEMED].tolist() == [0, 0, 30]
    assert s.cohorts[1, 1, :, C_REDEEMED].tolist() == [20, 10, 5]
    ledger.claw_back(m, 0, s, named, 15, 40.0, 1, 59.0, 2, 0)
    assert s.cohorts[1, 2, :, C_CLAWED_BACK].tolist() == [0, 0, 15]
    ledger.lapse_all(m, 0, s, named, 3, 0)
    assert s.cohorts[1, 3, :, C_EXPIRED].tolist() == [0, 0, 30]
    assert s.lot_tiers.sum() == 0 == m.balance
