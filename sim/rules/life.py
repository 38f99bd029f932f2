"""The life of a member: baseline stream, what the programme adds and takes, due moments."""

from __future__ import annotations

import math

from sim import tally
from sim.compiled import rare, rule
from sim.member import NEVER
from sim.rules.fees import pay_fee, renew
from sim.rules.ledger import lapse_all, lapse_at, mature
from sim.rules.moments import moments, plan, plan_from, sign_up
from sim.rules.numbers import exp
from sim.rules.own import own
from sim.rules.purchase import purchase, whole
from sim.rules.refunds import give_back, refund_slot, wait
from sim.rules.response import appeal, ceiling, faded, leaves, response, too_low
from sim.rules.tiers import forget
from sim.rules.time import base_gap, gap_above, later, next_back, next_extra, skip_to
from sim.rules.wallet import see_coupons
from sim.rules.words import BASE, BASKET, EXTRA, LEAVING, MARK, REDEEM, normal, place, place_above, uniforms
from sim.tables import BOUND, INACTIVE

LOG_BOUND = math.log(BOUND)


@rule
def cell_of(m, t, month):
    """Row of the cube for what the member does now."""
    return (month * len(t.tiers) + m.tier) * len(t.segments) + m.segment


@rule
def next_event(m):
    """When something next happens in the member's life. To candidates above the baseline nobody answers who has lapsed."""
    extra = m.t_extra
    return min(m.t_base, min(extra if m.alive == 1 else NEVER, m.due))


@rule
def fall_due(m, i, s, t, now, month, cell):
    """Joining, pending points, lapse of the card or of an idle balance, moments of the incentive table."""
    p = t.p[0]
    if m.enrolled == 0:
        m.enrolled = 1
        if m.cohort == 0:
            s.cube[cell, tally.ACTIVE_AT_START] += m.alive
        if p.card_days > 0.0:
            m.card_until = now + p.card_days
        if p.fee > 0 and m.alive == 1:
            pay_fee(m, i, s, t, now, cell)
        sign_up(m, i, s, t, now, month, cell)
    if p.fee > 0 and m.fee_until <= now:
        renew(m, i, s, t, now, cell)
    if p.has_refunds == 1 and m.refund_day <= now:
        give_back(m, i, s, t, now, month, cell)
    if m.pend_day <= now:
        mature(m, i, s, t, now, month, cell)
    if p.card_days > 0.0 and m.card_until <= now:
        lapse_all(m, i, s, t, month, cell)
        lose_card(m, i, s, t)
    if p.expiry == INACTIVE and m.balance > 0 and lapse_at(m, t) <= now:
        lapse_all(m, i, s, t, month, cell)
    soonest = moments(m, i, s, t, now, month, cell) if p.has_incentives == 1 else NEVER
    plan_from(m, i, s, t, now, soonest)


@rare
def lose_card(m, i, s, t):
    """The card lapses: lowest tier, nothing counted towards another, no open coupon, until the next purchase."""
    m.tier = 0
    forget(m, i, s)
    m.failed = -1
    m.card_until = NEVER
    m.pull = 0.0
    m.pull_until = NEVER
    for k in range(s.quals.shape[1]):
        s.quals[i, k].spend = 0
        s.quals[i, k].points = 0
        s.quals[i, k].count = 0
    for j in range(len(t.incentives)):
        s.wallet[i, j].until = 0.0


@rule
def pass_over(m, i, s, t, month, end):
    """Let the next candidates above the baseline go by, as long as no response could make a purchase of them: most of them.

    Nothing else happens to the member meanwhile. True if one is left before `end` with which the member's life goes on.
    """
    until = min(min(m.t_base, m.due), min(t.months[month].end, end))
    if m.pull_until <= m.t_extra < until:
        see_coupons(m, i, s, t, m.t_extra)
    most = ceiling(m, t, m.t_extra)
    now = m.t_extra
    last = now
    n = m.n_extra
    row, k = place_above(m, i, s, t, n)
    while now < until and too_low(most, s.above[row, MARK, k]) and (m.aware == 0 or t.days[int(now)].calendar == 0):
        last = now
        now = later(t, now, gap_above(m, s, row, k))
        n += 1
        row, k = place_above(m, i, s, t, n)
    m.t_extra = now
    m.n_extra = n
    if now < until:
        return True
    if m.pull_until <= last < until:
        see_coupons(m, i, s, t, last)
    return False


@rule
def stay_away(m, i, s, t, month, end):
    """Let the next baseline candidates of a member go by who has lapsed with the programme and without it.

    True if one is left before `end` at which they come back.
    """
    until = min(m.due, min(t.months[month].end, end))
    while m.t_base < min(until, m.t_back):
        to_next_base(m, i, s, t, m.t_base)
    return m.t_base < until


@rule
def to_next_base(m, i, s, t, now):
    """On from the baseline candidate at `now` to the next."""
    m.t_base = later(t, now, base_gap(m, i, s, t, m.n_base))
    m.n_base += 1


@rule
def happen(m, i, s, t, month, end):
    """The next event of the member's life, which lies in `month` and before `end`. What is due comes before a purchase of the
    same moment. Candidates that come to nothing may go by first, as far as `end`."""
    p = t.p[0]
    now = next_event(m)
    cell = cell_of(m, t, month)
    if m.due <= now:
        fall_due(m, i, s, t, now, month, cell)
        return
    on_base = m.t_base <= now
    if not on_base:
        if not pass_over(m, i, s, t, month, end):
            return
        now = m.t_extra
    elif m.alive == 0 and m.alive0 == 0:
        if not stay_away(m, i, s, t, month, end):
            return
        now = m.t_base
    if m.pull_until <= now:
        see_coupons(m, i, s, t, now)
    ordinal = m.n_base if on_base else m.n_extra
    if on_base:
        row, k = place(m, i, s, t, ordinal)
        u_second = s.ahead[row, LEAVING, k]
    else:
        row, k = place_above(m, i, s, t, ordinal)
        u_second = s.above[row, MARK, k]
    day = t.days[int(now)]
    cut = 0.0
    shift = 0.0
    if p.calm == 0 and m.alive == 1:
        cut, shift = appeal(m, t, now, day)
        shift += own(p.own_rate, m, i, s, t, now)
    base_buys = on_base and m.alive0 == 1
    buys = on_base and m.alive == 1  # unless something holds the member back
    u_accept = 0.0
    u_category = 0.0
    u_refund = 0.0
    if on_base and (shift < 0.0 or p.by_category != 0 or p.has_refunds == 1):
        u_accept, _, u_category, u_refund = uniforms(p.seed, m.key, ordinal, BASE, 1)
    slot = -1
    log_ratio = 0.0
    if p.calm == 0 and (not on_base or u_accept >= 1.0 + shift):  # of the baseline, exp(log ratio) >= exp(shift) >= 1 + shift
        log_ratio = response(m, i, s, t, now, day, cut, shift)
    if on_base:
        if log_ratio < 0.0:
            buys = u_accept < exp(log_ratio)
        if m.t_back <= now:
            if m.alive0 == 0:
                m.alive0 = 1
                base_buys = True
            if m.alive == 0:
                m.alive = 1
                skip_to(m, i, s, t, now)
                buys = True
                s.cube[cell, tally.RETURNS] += 1
            next_back(m, t, now)
    elif log_ratio > 0.0:
        buys = exp(log_ratio) > 1.0 + (BOUND - 1.0) * u_second
        if log_ratio > LOG_BOUND:
            s.cube[cell, tally.OVER_BOUND] += 1
    if base_buys or buys:
        if on_base:
            basket = s.ahead[row, BASKET, k]
            u_redeem = s.ahead[row, REDEEM, k]
        else:
            u_basket, u_redeem, u_category, u_refund = uniforms(p.seed, m.key, ordinal, EXTRA, 1)
            basket = exp(p.sigma * normal(u_basket))
        basket *= m.median
        if p.dearer == 1:
            basket *= day.dear
        value0 = whole(basket)
        value = value0
        if (cut > 0.0 and t.b[0].price_response_basket > 0.0) or (buys and p.own_basket != 0):
            value = whole(basket * exp(t.b[0].price_response_basket * cut * m.resp + own(p.own_basket, m, i, s, t, now)))
        if p.has_refunds == 1:
            slot = refund_slot(t, u_refund, now)
        if base_buys:
            s.cube[cell, tally.BASE_PURCHASES] += 1
            s.cube[cell, tally.BASE_LIST] += value0
        if buys:
            if p.fee > 0 and m.fee_until >= NEVER:
                pay_fee(m, i, s, t, now, cell)
            cost = purchase(m, i, s, t, value, u_redeem, u_category, slot, base_buys, now, month, cell)
            if base_buys:
                s.cube[cell, tally.BOTH_PURCHASES] += 1
                s.cube[cell, tally.BOTH_LIST] += value
                s.cube[cell, tally.BOTH_BASE_LIST] += value0
                s.cube[cell, tally.BOTH_COST] += cost
            elif m.alive0 == 1:
                s.cube[cell, tally.GAINED_PURCHASES] += 1
                s.cube[cell, tally.GAINED_LIST] += value
            else:
                s.cube[cell, tally.KEPT_PURCHASES] += 1
                s.cube[cell, tally.KEPT_LIST] += value
        elif m.alive == 1:
            s.cube[cell, tally.LOST_LIST] += value0
        else:
            s.cube[cell, tally.GONE_LIST] += value0
        if slot >= 0:
            wait(m, i, s, t, slot, value, value0, buys, base_buys, now, month)
    if on_base:
        lapse_after(m, i, s, t, u_second, base_buys, now, cell)
        to_next_base(m, i, s, t, now)
    else:
        if buys and t.b[0].pull_forward_strength > 0.0:
            m.pulled = faded(m.pulled, m.pulled_at, now, t.b[0].pull_forward_decay) + 1.0
            m.pulled_at = now
        next_extra(m, i, s, t)
    if p.may_return == 0 and m.alive == 0:
        m.t_extra = NEVER
        if m.alive0 == 0:
            m.t_base = NEVER
    if (buys or slot >= 0) and p.has_due == 1:
        plan(m, i, s, t, now)


@rule
def lapse_after(m, i, s, t, u, base_buys, now, cell):
    """Leaving is drawn at the moments of the baseline stream, one draw for both worlds, so that selling more never causes
    churn by itself; the purchase that came with joining (ordinal 0) carries no risk, as in BG/NBD."""
    if m.n_base == 0:
        return
    if base_buys and u < m.leave:
        m.alive0 = 0
    if m.alive == 1:
        if leaves(m, i, s, t, now, u) if t.p[0].calm == 0 else u < m.leave:
            m.alive = 0
            s.cube[cell, tally.LAPSES] += 1
