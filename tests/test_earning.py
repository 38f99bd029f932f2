"""Points belong to the month of the sale that earned them, spendable or not; nothing is lost on the way there."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_finance_roll_forward import by_hand as closing_by_hand
from test_what_if import SHOP, with_terms

from reports.books import opening_of, statement_of
from scenarios.finance.closing import closed, run_off_months
from scenarios.finance.earning import by_earning
from scenarios.finance.forecast import At, forecast, placed
from scenarios.finance.forecast_points import ledger_of
from scenarios.finance.liability import liability
from scenarios.finance.points import ledger
from scenarios.finance.roll_forward import Contracts, roll_forward
from sim.outcome import simulate
from sim.state import C_CLAWED_BACK, C_EXPIRED, C_ISSUED, C_REDEEMED

KINDS = (C_CLAWED_BACK, C_REDEEMED, C_EXPIRED)


def random_lots(seed, months=6, tiers=2, past=2, lag=2):
    """Lots that only obey the rules of points: earned up to `lag` months before they are credited, redeemed not before."""
    rng = np.random.default_rng(seed)
    lots = np.zeros((past + months + 1, months, tiers, 4), np.int64)
    held = rng.integers(0, 10 ** rng.integers(1, 12), (past + months + 1, tiers)) * rng.integers(0, 2, (past + months + 1, tiers))
    held[past + lag :] = 0
    left = held.copy()
    for month in range(months):
        for step in range(lag + 1):
            row = min(past + month + step, past + months)
            lots[row, month, :, C_ISSUED] += rng.integers(0, 1000, tiers) * rng.integers(0, 2, tiers)
        left += lots[:, month, :, C_ISSUED]
        for kind in rng.permutation(KINDS):
            share = rng.choice([0.0, 0.1, 0.5, 1.0], left.shape, p=[0.4, 0.3, 0.2, 0.1])
            begun = (np.arange(len(lots)) - past <= month)[:, None] | (kind != C_REDEEMED)
            lots[:, month, :, kind] = np.where(begun, (left * share).astype(np.int64), 0)
            left -= lots[:, month, :, kind]
    return lots, held


def by_hand(lots, held, past):
    """The rule of the module word by word: one lot, tier, month and kind at a time, in Python's whole numbers."""
    months, tiers = lots.shape[1:3]
    found = np.zeros_like(lots[:-1])
    for row in range(len(lots)):
        for tier in range(tiers):
            before = min(row, past - 1)
            parts = {before: int(held[row, tier])}
            for month in range(months):
                earned = past + month
                new = int(lots[row, month, tier, C_ISSUED])
                if new:
                    parts[earned] = parts.get(earned, 0) + new
                for kind in KINDS:
                    gone, whole = int(lots[row, month, tier, kind]), sum(parts.values())
                    passed = given = 0
                    for at in sorted(parts, reverse=True):
                        passed += parts[at]
                        upto = gone * passed // whole if whole else 0
                        found[at, month, tier, kind] += upto - given
                        parts[at] -= upto - given
                        given = upto
    return found


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), lag=st.integers(0, 3))
def test_no_point_is_lost_and_every_month_of_earning_bears_its_part(seed, lag):
    past = 2
    lots, held = random_lots(seed, lag=lag)
    found, opening = by_earning(lots, held, past)
    np.testing.assert_array_equal(found.sum(axis=0), lots.sum(axis=0))
    np.testing.assert_array_equal(opening.sum(axis=0), held.sum(axis=0))
    issued = found[..., C_ISSUED].sum(axis=2)
    assert (issued[past:][~np.eye(len(issued) - past, dtype=bool)] == 0).all() and (issued[:past] == 0).all()
    months = lots.shape[1]
    # a ledger refuses what goes before it was earned, and more than was earned
    ledger(np.arange(-past, months), opening + found[..., C_ISSUED].sum(axis=1), *(found[..., k] for k in (1, 2, 3)))
    np.testing.assert_array_equal(found[..., KINDS], by_hand(lots, held, past)[..., KINDS])


def test_a_sale_whose_points_are_pending_at_the_close_by_hand():
    """100.00 on 20 December earn 1,000 points of 0.01, spendable in January, of which 80 % are expected to be redeemed; in
    January half of the goods come back, in February 400 points are redeemed."""
    lots = np.zeros((4, 3, 1, 4), np.int64)
    lots[1, 0, 0, C_ISSUED], lots[1, 1, 0, C_CLAWED_BACK], lots[1, 2, 0, C_REDEEMED] = 1000, 500, 400
    found, _ = by_earning(lots, np.zeros((4, 1), np.int64), 0)
    points = ledger(np.arange(3), found[..., C_ISSUED].sum(axis=1), found[..., 1], found[..., 2], found[..., 3])
    roll = roll_forward(points, Contracts([10_000, 0, 0], 1, "0.8"), np.array([[800, 400, 400], [0, 0, 0], [0, 0, 0]]))
    total = roll.total()
    assert total["deferred"].tolist() == [741, 0, 0]  # 100.00 x 8.00 / 108.00
    assert total["clawed_back"].tolist() == [0, 370, 0]  # half of what is carried, which is half a cent more
    assert total["closing"].tolist() == [741, 371, 0]
    assert (total["redemption"].tolist(), total["breakage"].tolist()) == ([0, 0, 297], [0, 0, 74])  # 400 and 100 of 500
    assert not total["change_of_estimate"].any()


def returning(share, days):
    market = SHOP.market.model_validate({**SHOP.market.model_dump(), "refunds": {"share": share, "after_days": days}})
    return SHOP.model_copy(update={"market": market})


@pytest.fixture(scope="module")
def state():
    year = SHOP.model_copy(update={"horizon": SHOP.horizon.model_copy(update={"months": 12})})
    found = simulate(year, seed=11, keep_state=True, cohorts=True).state
    assert found.members["pending"].sum() > 0
    return found


def test_what_a_sale_defers_does_not_depend_on_how_long_its_points_are_pending():
    """The same members with the same luck, no effect acting: the same sales earn the same points, 0, 14 or 45 days pending."""
    found = []
    for days in (0, 14, 45):
        f = forecast(with_terms(earning={"pending_days": days}), months=8, replications=3, seed=8)
        owed = liability(f, value=2, probability="0.7")
        assert set(owed.differences(f).values()) == {0}
        found.append(np.stack([roll.total()["deferred"] for roll in owed.rolls]))
    assert (found[0] > 0).all()
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_the_deferral_of_every_month_is_that_of_its_own_sales(state):
    """Net sales of the month before refunds, split by stand-alone prices, in fractions and without the code of the books."""
    f = forecast(SHOP, snapshot=state, months=8, replications=3, seed=8)
    owed = liability(f, value=2)
    past = len(f.cohorts.earned) - 8
    assert (f.pending[:, -1] > 0).all()
    for k, roll in enumerate(owed.rolls):
        points = ledger_of(f.cohorts, k)
        for month in range(8):
            sale = round(100 * (f.of("net_sales") + f.of("refunds"))[k, month])
            worth = sum(
                int(n) * 2 * Fraction(str(round(rate, 6)))
                for n, rate in zip(points.issued[past + month], _rates(f, past + month), strict=True)
            )
            assert int(points.issued[past + month].sum()) == f.point_values[k, month, 0]
            due = Fraction(sale) * worth / (sale + worth)
            assert abs(int(roll.total()["deferred"][month]) - due) <= 1.5  # tiers are rounded one by one


def test_every_balance_of_pending_points_is_what_the_rule_by_hand_gives(state):
    """Estimates from the points of all replications, balances one cohort and tier at a time, without the code of the books."""
    f = forecast(returning(0.2, 10), snapshot=state, months=16, replications=3, seed=8)
    owed, months, past = liability(f, value=2, months=8), 8, len(f.cohorts.earned) - 16
    c = f.cohorts
    assert c.clawed_back[:, past:].sum() > 0 and (f.pending > 0).all()
    left = c.outstanding().sum(axis=0)
    for k, roll in enumerate(owed.rolls):
        for row, tier in np.argwhere(roll.points.issued > 0):
            if row < past:
                continue
            expected = np.zeros_like(owed.expected[k])
            for month in range(row - past, months):
                redeemed, clawed = (int(a[:, row, month + 1 :, tier].sum()) for a in (c.redeemed, c.clawed_back))
                share = min(1.0, redeemed / max(1, int(left[row, month, tier]) - clawed))
                open_now = int(c.outstanding()[k, row, month, tier])
                expected[row, month, tier] = int(c.redeemed[k, row, : month + 1, tier].sum()) + round(open_now * share)
            np.testing.assert_array_equal(expected[row, :, tier], owed.expected[k][row, :, tier] * (np.arange(8) >= row - past))
            kept = (c.issued - c.clawed_back)[:, row, :, tier].sum()
            chance = Fraction(str(round(c.redeemed[:, row, :, tier].sum() / kept, 6)))
            first = int(roll.points.issued[row, tier]) * chance
            found = list(closing_by_hand(roll.points, expected, roll.inception, first, row, tier))
            assert found == roll.closing[row, :, tier].tolist()


def _rates(f, row):
    """Redeemed of the points not clawed back, of one month of earning, all replications; completed by ages as documented."""
    first = len(f.cohorts.earned) - len(f.months)
    redeemed, kept = f.cohorts.redeemed.sum(axis=0), (f.cohorts.issued - f.cohorts.clawed_back).sum(axis=(0, 2))
    left = f.cohorts.outstanding().sum(axis=0)[:, -1]
    found = []
    for tier in range(kept.shape[1]):
        later = 0.0
        for age in range(len(f.months) - (row - first), len(f.months)):
            seen = [c for c in range(first, len(f.cohorts.earned)) if c - first + age < len(f.months)]
            redeemed_then = sum(redeemed[c, c - first + age, tier] for c in seen)
            later += redeemed_then / max(1, sum(kept[c, tier] for c in seen))
        of = max(1, kept[row, tier])
        found.append(redeemed[row, :, tier].sum() / of + min(later, left[row, tier] / of))
    return found


def test_a_closed_programme_defers_nothing_more(state):
    """Points pending on the last day were deferred with their sale: the run-off opens with them and adds none."""
    base = statement_of(forecast(SHOP, snapshot=state, months=6, replications=4, seed=8, beyond=8), SHOP)
    months = run_off_months(SHOP, state.start)
    shut = closed(placed(SHOP, At(state), months))
    found = statement_of(forecast(shut, snapshot=state, months=months, replications=4, seed=8), shut, opening=opening_of(base))
    assert (found.forecast.point_values[:, 0, 0] == 0).all()
    for roll in found.liability.rolls:
        total = roll.total()
        assert not total["deferred"].any() and total["closing"][-1] == 0
        assert total["opening"][0] == base.roll.total()["opening"][0] > 0
        assert roll.points.issued.sum() == state.outstanding
    assert set(found.liability.differences(found.forecast).values()) == {0}


def test_the_incremental_cost_of_a_live_programme_opens_with_its_points(state):
    """By month, from a snapshot too: what is accrued are the points still expected to be redeemed, at their cost."""
    s = statement_of(forecast(SHOP, snapshot=state, months=6, replications=4, seed=8, beyond=8), SHOP)
    total, books = s.cost.total(), s.liability
    assert total["opening"][0] > 0 and (total["accrued"] > 0).all() and (total["used"][1:] > 0).all()
    for k, (roll, expected) in enumerate(zip(books.rolls, books.expected, strict=True)):
        to_come = (expected - roll.points.redeemed_so_far()).sum(axis=(0, 2))
        np.testing.assert_allclose(s.accrued[k], to_come * 1.0)  # a cent a point
    np.testing.assert_array_equal(total["closing"], s.accrued[s.replication])
    assert total["used"].sum() == s.roll.points.redeemed.sum()


def test_points_clawed_back_while_pending_take_their_deferral_along():
    """Where all points are expected to be redeemed, each carries its part of the allocation, pending or not, until it goes."""
    f = forecast(returning(0.6, 7), months=5, replications=3, seed=8)
    owed = liability(f, value=2, probability=1)
    assert set(owed.differences(f).values()) == {0}
    for roll in owed.rolls:
        points, total = roll.points, roll.total()
        a_point = (roll.inception / points.issued.clip(1))[:, None]
        for line, moved in (("clawed_back", points.clawed_back), ("closing", points.outstanding())):
            np.testing.assert_allclose(total[line], (a_point * moved).sum(axis=(0, 2)), atol=6)  # cents, of 10 cohorts and tiers
        assert total["clawed_back"].sum() > 0.4 * total["deferred"].sum()
        assert not total["breakage"].any() and not total["change_of_estimate"].any()
