"""The incentive table at work: moments, messages, grants, coupons."""

from __future__ import annotations

import math

from sim import tally
from sim.compiled import rare, rule
from sim.member import NEVER
from sim.rules.ledger import credit, issue
from sim.rules.response import faded, feels, has, looks_like, open_to, reaching
from sim.rules.tiers import promote
from sim.rules.time import skip_to
from sim.rules.words import MOMENT, incentive_uniforms
from sim.state import W_COST, W_MESSAGES
from sim.tables import (
    INACTIVITY,
    NO_BUDGET,
    SIGN_UP,
    TIER_REACHED,
)


@rule
def period_at(t, now):
    """The watched period in which `now` lies, -1 for none."""
    p = t.p[0]
    if p.watch_periods == 0 or now < p.watch_from:
        return -1
    k = int((now - p.watch_from) / p.watch_days)
    return k if k < p.watch_periods else -1


@rule
def watched(s, t, i, now, column, amount):
    """Note what a single member did, where single members are watched."""
    k = period_at(t, now)
    if k >= 0:
        s.watch[i, k, column] += amount


@rule
def spend_budget(s, i, j, amount, now):
    """Note a grant of a budgeted incentive; the clock adds them up at the next meeting point."""
    k = s.n_spent[0]
    if k < len(s.spent_at):
        s.spent_at[k] = now
        s.spent[k, 0] = i
        s.spent[k, 1] = j
        s.spent[k, 2] = amount
    s.n_spent[0] = k + 1


@rare
def pull_of(m, t, j):
    """What the coupon of incentive `j` looks like to the member: a log price cut on a usual basket, or on one of its threshold
    if that is higher, in the share of their purchases that reach it."""
    x = t.incentives[j]
    return looks_like(x.coupon, max(m.median, float(max(x.coupon_min, x.coupon)))) * reaching(m, t, x.coupon_min)


@rare
def see_coupons(m, i, s, t, now):
    """What the open coupons look like to the member: the best of them."""
    best = 0.0
    first = NEVER
    for k in range(len(t.coupons)):
        w = s.wallet[i, t.coupons[k]]
        until, pull = w.until, w.pull
        best = max(best, pull if until > now else 0.0)
        first = min(first, until if until > now else NEVER)
    m.pull = best
    m.pull_until = first


@rule
def may_have(m, i, s, t, j, now):
    """Whether incentive `j` is open to the member and their limit is not used up."""
    x = t.incentives[j]
    if t.p[0].card_days > 0.0 and m.card_until >= NEVER and x.event != INACTIVITY:
        return False  # the card has lapsed: only a win-back reaches them before the next purchase
    return has(open_to(m, t, now), j) and (x.limit == 0 or s.wallet[i, j].given < x.limit)


@rare
def hand_over(m, i, s, t, j, now, month, cell):
    """Points, coupon and gift of incentive `j`, and the note for its budget."""
    x = t.incentives[j]
    w = s.wallet[i, j]
    w.given += 1
    if x.points > 0:
        if x.event == SIGN_UP:
            m.head += x.points
        credit(m, i, s, t, x.points, m.tier, month, cell)
        issue(s, t, month, m.tier, month, x.points)
        s.cube[cell, tally.POINTS_ISSUED] += x.points
        s.cube[cell, tally.POINTS_BONUS] += x.points
    if x.coupon > 0:
        w.until = now + x.coupon_days
        if w.pull == 0.0:
            w.pull = pull_of(m, t, j)
        s.cube[cell, tally.COUPONS_ISSUED] += 1
        see_coupons(m, i, s, t, now)
    if x.gift_cost > 0 or x.gift_value > 0:
        s.cube[cell, tally.GIFT_COST] += x.gift_cost
        s.cube[cell, tally.PARTNER_CHARGES] += x.gift_charge
        s.cube[cell, tally.PARTNER_RECOVERIES] -= x.gift_recovered
        watched(s, t, i, now, W_COST, x.gift_cost + x.gift_charge - x.gift_recovered)
        feels(m, t, x.gift_value, now)
    if x.budget != NO_BUDGET:
        amount = x.coupon + x.gift_cost + x.gift_charge - x.gift_recovered + int(math.floor(x.points * t.p[0].point_cost + 0.5))
        spend_budget(s, i, j, amount, now)


@rare
def lift(m, i, s, t, tier, now, month, cell):
    """Promote, and hand over what waits at the tiers passed; a lift among those gifts has no effect."""
    before = m.tier
    promote(m, s, tier, cell)
    for j in range(len(t.incentives)):
        x = t.incentives[j]
        if x.event == TIER_REACHED and before < x.tier <= tier and may_have(m, i, s, t, j, now):
            hand_over(m, i, s, t, j, now, month, cell)


@rare
def grant(m, i, s, t, j, now, month, cell):
    """Give what incentive `j` gives, if the member may have it; True if so."""
    if not may_have(m, i, s, t, j, now):
        return False
    if t.incentives[j].gives == 1:
        hand_over(m, i, s, t, j, now, month, cell)
    else:  # a message alone
        s.wallet[i, j].given += 1
    if t.incentives[j].lifts_to > m.tier:
        lift(m, i, s, t, t.incentives[j].lifts_to, now, month, cell)
    return True


@rule
def send(m, i, s, t, j, now, cell):
    """One message of incentive `j`: heard by members who consent, lapsed or not."""
    if m.muted == 1:
        return
    b = t.b[0]
    p = t.p[0]
    s.cube[cell, tally.MESSAGES] += 1
    s.cube[cell, tally.MESSAGE_COST] += p.message_cost
    watched(s, t, i, now, W_MESSAGES, 1)
    watched(s, t, i, now, W_COST, p.message_cost)
    heard = faded(m.sent, m.sent_at, now, b.messages_decay) + 1.0
    m.sent = heard
    m.sent_at = now
    if m.aware == 0:
        m.learning *= 1.0 - b.awareness_learns
        if m.learning <= 1.0:
            m.aware = 1
    m.patience *= 1.0 - b.messages_opt_out * heard
    if m.patience <= 1.0:
        m.muted = 1
        s.cube[cell, tally.OPT_OUTS] += 1
    if t.incentives[j].event == INACTIVITY and t.incentives[j].gives == 1:
        back, wake, _, _ = incentive_uniforms(p.seed, m.key, p.day_zero + int(now), MOMENT, t.incentives[j].luck)
        if m.alive == 0 and back < b.win_back_returns:
            m.alive = 1
            skip_to(m, i, s, t, now)
            s.cube[cell, tally.RETURNS] += 1
        elif m.alive == 1 and wake < b.win_back_wakes:
            m.alive = 0
            s.cube[cell, tally.LAPSES] += 1
