"""The life of a member: birth, baseline stream, what the programme adds and takes, due moments."""

from __future__ import annotations

import math

from sim import tally
from sim.compiled import rare, rule
from sim.member import LONG_AGO, NEVER
from sim.rules.fees import pay_fee, renew
from sim.rules.ledger import lapse_all, lapse_at, mature
from sim.rules.numbers import exp, log
from sim.rules.purchase import purchase, whole
from sim.rules.refunds import give_back, refund_slot, wait
from sim.rules.response import appeal, ceiling, faded, leaving, response, too_low
from sim.rules.tiers import forget
from sim.rules.time import base_gap, extra_gap, later
from sim.rules.wallet import begin, moments, plan, sign_up
from sim.rules.words import BASE, BASKET, BIRTH, EXTRA, REDEEM, RESUME, SECOND, normal, place, uniforms
from sim.tables import BOUND, INACTIVE, SCORES

LOG_BOUND = math.log(BOUND)
_SCORE_LOW = float(SCORES[0])
_SCORE_STEP = float(SCORES[1] - SCORES[0])
_LAST = len(SCORES) - 1


@rule
def quantile(table, score):
    """exp of the tabulated log quantile at a normal score, linear between points."""
    x = (score - _SCORE_LOW) / _SCORE_STEP
    k = min(max(int(x), 0), _LAST - 1)
    return exp(table[k] + (table[k + 1] - table[k]) * (x - k))


@rule
def cell_of(m, t, month):
    """Row of the cube for what the member does now."""
    return (month * len(t.tiers) + m.tier) * len(t.segments) + m.segment


@rare
def be_born(m, i, s, t, key):
    """Make member number `key`: those below first_new are customers at the start, the others join month by month.

    Customers from before the start live their history on the baseline stream alone.
    """
    p = t.p[0]
    b = t.b[0]
    m.key = key
    u_rate, u_leave, u_basket, u_join = uniforms(p.seed, key, 0, BIRTH, 0)
    u_segment, u_month, u_day, u_aware = uniforms(p.seed, key, 0, BIRTH, 1)
    u_flexible, u_history, m.learning, m.patience = uniforms(p.seed, key, 0, BIRTH, 2)
    z = normal(u_rate)
    k = 0
    while k + 1 < len(t.segments) and u_segment >= t.segments[k].upto:
        k += 1
    m.segment = k
    m.rate = quantile(t.rates, z) * t.segments[k].rate
    m.leave = min(1.0, quantile(t.leaving, normal(u_leave)))
    rho = p.rate_correlation
    between = rho * z + math.sqrt(1.0 - rho * rho) * normal(u_basket)
    m.median = exp(p.ln_median + p.sigma_between * between) * t.segments[k].basket * 100.0
    m.usual = m.rate * m.median * exp(0.5 * p.sigma * p.sigma)
    m.resp = 1.0
    if b.responsiveness_exponent > 0.0:
        m.resp = min(2.0, max(1.0 / 3.0, (m.rate / p.mean_rate) ** (-b.responsiveness_exponent)))
    m.birth_month = 1 + int(u_month * 12.0)
    m.birth_day = 1 + int(u_day * 28.0)
    m.aware = 1 if u_aware < b.awareness_share else 0
    m.flexible = 1 if u_flexible < b.expiry_pressure_flexible else 0
    m.alive = 1
    m.alive0 = 1
    m.t_extra = NEVER
    m.month_bought = -1
    m.failed = -1
    m.tier0 = -1
    m.first_buy = NEVER
    m.second_gap = NEVER
    m.pend_day = NEVER
    m.refund_day = NEVER
    m.card_until = NEVER
    m.fee_until = NEVER
    m.reward_at = LONG_AGO
    m.demoted_at = LONG_AGO
    m.pull_until = NEVER
    for j in range(len(t.incentives)):
        s.wallet[i, j].period = -1
        s.wallet[i, j].next = NEVER
        s.wallet[i, j].mark = -1.0
    if key < p.first_new:
        m.joined = 0.0
        since = -(p.history_from + (p.history_to - p.history_from) * u_history)
    else:
        month = (key - p.first_new) // p.new_per_month
        m.cohort = month + 1
        start = t.months[month].start
        since = start + (t.months[month].end - start) * u_join
        m.joined = since
    m.last_buy = since
    m.t_seen = since
    m.due = m.joined
    if key >= p.first_new and p.buys_on_joining == 1:
        m.t_base = since
    else:
        m.t_base = later(t, since, base_gap(m, i, s, t, 0))
        m.n_base = 1
    while m.t_base < 0.0:
        now = m.t_base
        row, k = place(m, i, s, t, m.n_base, BASE)
        if m.alive == 1:
            m.last_buy = now
            if s.ahead[row, BASE, SECOND, k] < m.leave:
                m.alive = 0
        elif p.return_rate > 0.0:
            _, u_return, _, _ = uniforms(p.seed, m.key, m.n_base, BASE, 1)
            if comes_back(m, t, now, u_return):
                m.alive = 1
                m.last_buy = now
        m.t_seen = now
        m.t_base = later(t, now, base_gap(m, i, s, t, m.n_base))
        m.n_base += 1
        if m.alive == 0 and p.may_return == 0:
            m.t_base = NEVER
    m.alive0 = m.alive
    if p.calm == 0 and (m.alive == 1 or p.may_return == 1):
        m.n_extra = 1
        m.t_extra = later(t, m.joined, extra_gap(m, i, s, t, 0))


@rare
def resume(m, i, s, t):
    """Let a member who comes from another run, or from a live programme, go on: what depends on the calendar of this one."""
    p = t.p[0]
    u_base, u_extra, _, _ = uniforms(p.seed, m.key, 0, RESUME, 0)
    if m.patience == 0.0:  # they come from a live programme
        _, _, m.learning, m.patience = uniforms(p.seed, m.key, 0, BIRTH, 2)
    here = m.alive == 1 or p.may_return == 1
    if m.t_base >= NEVER and (here or m.alive0 == 1):
        m.t_base = later(t, 0.0, -log(u_base) / m.rate)
    if p.calm == 0 and m.t_extra >= NEVER and here:
        m.t_extra = later(t, 0.0, -log(u_extra) / (m.rate * (BOUND - 1.0)))
    s.cube[cell_of(m, t, 0), tally.ACTIVE_AT_START] += m.alive
    begin(m, i, s, t)


@rule
def next_event(m):
    """When something next happens in the member's life."""
    return min(m.t_base, min(m.t_extra, m.due))


@rare
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
    if p.has_incentives == 1:
        moments(m, i, s, t, now, month, cell)
    plan(m, i, s, t, now)


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
def comes_back(m, t, now, u):
    """Whether a lapsed member has returned of their own accord since the last baseline candidate."""
    return u < 1.0 - exp(-t.p[0].return_rate * (now - m.t_seen))


@rare
def pass_over(m, i, s, t, month):
    """Let the next candidates above the baseline go by, as long as no response could make a purchase of them: most of them.

    Nothing else happens to the member meanwhile. True if any went by.
    """
    if m.alive == 0 and t.p[0].may_return == 0:
        return False
    until = min(m.t_base, min(m.due, t.months[month].end))
    most = ceiling(m, t, m.t_extra) if m.alive == 1 else -1.0
    row, k = place(m, i, s, t, m.n_extra, EXTRA)
    before = m.n_extra
    while m.t_extra < until:
        if m.alive == 1:
            if m.aware == 1 and t.days[int(m.t_extra)].calendar != 0:
                break
            if not too_low(most, s.ahead[row, EXTRA, SECOND, k]):
                break
        m.t_extra = later(t, m.t_extra, extra_gap(m, i, s, t, m.n_extra))
        m.n_extra += 1
        row, k = place(m, i, s, t, m.n_extra, EXTRA)
    return m.n_extra > before


@rule
def happen(m, i, s, t, month):
    """The next event of the member's life, which lies in `month`. What is due comes before a purchase of the same moment."""
    p = t.p[0]
    now = next_event(m)
    cell = cell_of(m, t, month)
    if m.due <= now:
        fall_due(m, i, s, t, now, month, cell)
        return
    on_base = m.t_base <= now
    if not on_base and pass_over(m, i, s, t, month):
        return
    stream = BASE if on_base else EXTRA
    ordinal = m.n_base if on_base else m.n_extra
    row, k = place(m, i, s, t, ordinal, stream)
    u_second = s.ahead[row, stream, SECOND, k]
    day = t.days[int(now)]
    log_ratio = 0.0
    cut = 0.0
    if p.calm == 0 and m.alive == 1:
        cut, shift = appeal(m, t, now, day)
        if not on_base or shift < 0.0:  # a candidate of the baseline is a purchase unless something holds the member back
            log_ratio = response(m, i, s, t, now, day, cut, shift)
            if log_ratio > LOG_BOUND:
                s.cube[cell, tally.OVER_BOUND] += 1
    base_buys = False
    buys = False
    slot = -1
    if on_base:
        base_buys = m.alive0 == 1
        buys = m.alive == 1
        if log_ratio < 0.0 or (p.return_rate > 0.0 and (m.alive0 == 0 or m.alive == 0)):
            u_accept, u_return, _, _ = uniforms(p.seed, m.key, ordinal, BASE, 1)
            if log_ratio < 0.0:
                buys = u_accept < exp(log_ratio)
            if p.return_rate > 0.0 and comes_back(m, t, now, u_return):
                if m.alive0 == 0:
                    m.alive0 = 1
                    base_buys = True
                if m.alive == 0:
                    m.alive = 1
                    buys = True
                    s.cube[cell, tally.RETURNS] += 1
    elif m.alive == 1 and log_ratio > 0.0:
        buys = exp(log_ratio) > 1.0 + (BOUND - 1.0) * u_second
    if base_buys or buys:
        basket = s.ahead[row, stream, BASKET, k]
        if not on_base:
            basket = exp(p.sigma * normal(basket))
        basket *= m.median
        if p.inflation != 0.0:
            basket *= exp(p.inflation * (now + p.level_days))
        value0 = whole(basket)
        value = value0
        if cut > 0.0 and t.b[0].price_response_basket > 0.0:
            value = whole(basket * exp(t.b[0].price_response_basket * cut * m.resp))
        if p.has_refunds == 1:
            slot = refund_slot(m, t, ordinal, stream, now)
        if base_buys:
            s.cube[cell, tally.BASE_PURCHASES] += 1
            s.cube[cell, tally.BASE_LIST] += value0
        if buys:
            if p.fee > 0 and m.fee_until >= NEVER:
                pay_fee(m, i, s, t, now, cell)
            u_redeem = s.ahead[row, stream, REDEEM, k]
            cost = purchase(m, i, s, t, value, u_redeem, ordinal, stream, slot, base_buys, now, month, cell)
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
        lapse_after(m, t, s, u_second, base_buys, now, cell)
        m.t_base = later(t, now, base_gap(m, i, s, t, ordinal))
        m.t_seen = now
        m.n_base += 1
    else:
        if buys and t.b[0].pull_forward_strength > 0.0:
            m.pulled = faded(m.pulled, m.pulled_at, now, t.b[0].pull_forward_days) + 1.0
            m.pulled_at = now
        m.t_extra = later(t, now, extra_gap(m, i, s, t, ordinal))
        m.n_extra += 1
    if p.may_return == 0 and m.alive == 0:
        m.t_extra = NEVER
        if m.alive0 == 0:
            m.t_base = NEVER
    if (buys or slot >= 0) and p.has_due == 1:
        plan(m, i, s, t, now)


@rule
def lapse_after(m, t, s, u, base_buys, now, cell):
    """Leaving is drawn at the moments of the baseline stream, one draw for both worlds, so that selling more never causes
    churn by itself; the purchase that came with joining (ordinal 0) carries no risk, as in BG/NBD."""
    if m.n_base == 0:
        return
    if base_buys and u < m.leave:
        m.alive0 = 0
    if m.alive == 1:
        chance = leaving(m, t, now) if t.p[0].calm == 0 else m.leave
        if u < chance:
            m.alive = 0
            s.cube[cell, tally.LAPSES] += 1
