"""Purchases that are returned whole: the mark, what waits for the day, and what then goes back.

The mark belongs to the candidate, so that a purchase made with and without the programme is returned in both worlds or in none.
What was paid is given back and every tally of amounts goes down; coupons, vouchers and gifts stay used, delivery stays paid.
"""

from __future__ import annotations

from sim import tally
from sim.compiled import rare, rule
from sim.member import NEVER
from sim.rules.ledger import claw_back, credited_at
from sim.rules.tiers import unqualify
from sim.rules.wallet import watched
from sim.state import W_COST, W_LIST, W_PAID


@rare
def refund_slot(t, u, now):
    """Where a purchase at `now` waits to be returned, by a uniform u; -1 = it is kept."""
    p = t.p[0]
    return (int(now) + p.refund_days) % p.refund_slots if u < p.refund_share else -1


@rare
def hold(i, s, t, slot, both, value, tier_price, price, due, paid, points, now):
    """Note a purchase to be returned: list value, prices after tier and campaigns, amount due after coupons and paid after
    vouchers; `both`: made without the programme too."""
    x = s.refunds[i, slot]
    x.count += 1
    x.paid += paid
    x.tier_discount += value - tier_price
    x.incentive_discount += tier_price - price
    x.coupon_value += price - due
    x.voucher_value += due - paid
    if both:
        x.both_off += value - paid
    x.points += points
    x.spendable = float(int(now) + t.p[0].pending_days)
    x.lot = credited_at(t, x.spendable)


@rare
def wait(m, i, s, t, slot, value, value0, buys, base_buys, now, month):
    """Note what is to be returned in both worlds: of list value `value` with the programme, `value0` without."""
    x = s.refunds[i, slot]
    x.month = month
    if buys and base_buys:
        x.both_list += value
        x.both_base_list += value0
    elif buys:
        if m.alive0 == 1:
            x.gained_list += value
        else:
            x.kept_list += value
    elif m.alive == 1:
        x.lost_list += value0
    else:
        x.gone_list += value0
    m.refund_day = min(m.refund_day, float(int(now) + t.p[0].refund_days))


@rule
def waits(x):
    """Whether a REFUND holds anything; a purchase is worth at least 1."""
    return x.both_list + x.gained_list + x.kept_list + x.lost_list + x.gone_list > 0


@rare
def give_back(m, i, s, t, now, month, cell):
    """Goods go back and what was paid for them; points are clawed back, and the purchase does not count towards tiers."""
    slots = t.p[0].refund_slots
    while m.refund_day <= now:
        x = s.refunds[i, int(m.refund_day) % slots]
        value = x.both_list + x.gained_list + x.kept_list
        s.cube[cell, tally.REFUNDS] += x.count
        s.cube[cell, tally.REFUNDED_LIST] += value
        s.cube[cell, tally.REFUNDED_PAID] += x.paid
        s.cube[cell, tally.LIST_VALUE] -= value
        s.cube[cell, tally.PAID] -= x.paid
        s.cube[cell, tally.TIER_DISCOUNT] -= x.tier_discount
        s.cube[cell, tally.INCENTIVE_DISCOUNT] -= x.incentive_discount
        s.cube[cell, tally.COUPON_VALUE] -= x.coupon_value
        s.cube[cell, tally.VOUCHER_VALUE] -= x.voucher_value
        s.cube[cell, tally.BASE_LIST] -= x.both_base_list + x.lost_list + x.gone_list
        s.cube[cell, tally.BOTH_LIST] -= x.both_list
        s.cube[cell, tally.BOTH_BASE_LIST] -= x.both_base_list
        s.cube[cell, tally.BOTH_COST] -= x.both_off
        s.cube[cell, tally.GAINED_LIST] -= x.gained_list
        s.cube[cell, tally.KEPT_LIST] -= x.kept_list
        s.cube[cell, tally.LOST_LIST] -= x.lost_list
        s.cube[cell, tally.GONE_LIST] -= x.gone_list
        watched(s, t, i, now, W_PAID, -x.paid)
        watched(s, t, i, now, W_LIST, -value)
        watched(s, t, i, now, W_COST, x.paid - value)
        unqualify(m, i, s, t, x, month)
        if x.points > 0:
            lot = credited_at(t, x.spendable) if x.spendable >= 0.0 else x.lot
            claw_back(m, i, s, t, x.points, x.spendable, lot, now, month, cell)
        clear(x)
        day = m.refund_day
        m.refund_day = NEVER
        for ahead in range(1, slots):
            if waits(s.refunds[i, int(day + ahead) % slots]):
                m.refund_day = day + ahead
                break


@rule
def clear(x):
    """Nothing waits any more."""
    x.count = 0
    x.paid = 0
    x.tier_discount = 0
    x.incentive_discount = 0
    x.coupon_value = 0
    x.voucher_value = 0
    x.both_list = 0
    x.both_base_list = 0
    x.both_off = 0
    x.gained_list = 0
    x.kept_list = 0
    x.lost_list = 0
    x.gone_list = 0
    x.points = 0
    x.spendable = 0.0
    x.lot = 0
    x.month = 0
    x.spend_q = 0
    x.points_q = 0
    x.count_q = 0
