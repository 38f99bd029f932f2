"""The incentive table at work: moments, messages, grants, coupons."""

from __future__ import annotations

import math

from sim import tally
from sim.compiled import rare, rule
from sim.member import NEVER
from sim.rules.ledger import credit, issue, lapse_at
from sim.rules.numbers import log
from sim.rules.response import faded, feels, has, open_to
from sim.rules.tiers import promote
from sim.rules.time import skip_to
from sim.rules.words import MOMENT, TASK, incentive_uniforms
from sim.state import W_COST, W_MESSAGES
from sim.tables import (
    ANNIVERSARY,
    BIRTHDAY,
    INACTIVE,
    INACTIVITY,
    POINTS_EXPIRING,
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
    """What the coupon of incentive `j` looks like to the member: a log price cut on a usual basket."""
    x = t.incentives[j]
    return -log(1.0 - min(0.9, x.coupon / max(m.median, float(max(x.coupon_min, x.coupon)))))


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
    if x.budget > 0:
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
    if t.incentives[j].event == INACTIVITY:
        back, wake, _, _ = incentive_uniforms(p.seed, m.key, p.day_zero + int(now), MOMENT, t.incentives[j].luck)
        if m.alive == 0 and back < b.win_back_returns:
            m.alive = 1
            skip_to(m, i, s, t, now)
            s.cube[cell, tally.RETURNS] += 1
        elif m.alive == 1 and wake < b.win_back_wakes:
            m.alive = 0
            s.cube[cell, tally.LAPSES] += 1


@rare
def birthday_after(m, t, now, before):
    """Next moment `before` days ahead of the member's birthday, later than `now`."""
    month = t.days[min(max(int(now), 0), len(t.days) - 1)].month
    k = month + (m.birth_month - t.months[month].number) % 12
    while k < len(t.starts):
        moment = t.starts[k] + m.birth_day - 1 - before
        if moment > now:
            return moment
        k += 12
    return NEVER


@rare
def next_moment(m, i, s, t, j, now):
    """When the timed trigger of incentive `j` comes next, after `now`; what announces the lapse of points is set by `plan`."""
    x = t.incentives[j]
    if x.event == BIRTHDAY:
        return birthday_after(m, t, now, x.before)
    if x.event == INACTIVITY:
        moment = max(m.last_buy + x.days, max(m.joined, x.valid_from))
        return moment if moment > now else NEVER
    if x.event == ANNIVERSARY:
        moment = m.joined + 365.0
        while moment <= now:
            moment += 365.0
        return moment
    return NEVER


@rule
def announced(m, i, s, t, lapse, now):
    """Set the moments at which the lapse of points at `lapse` will be announced, each once; returns the first."""
    soonest = NEVER
    for k in range(len(t.expiring)):
        j = t.expiring[k]
        w = s.wallet[i, j]
        w.next = max(lapse - t.incentives[j].days, now) if lapse < NEVER and lapse != w.mark else NEVER
        soonest = min(soonest, w.next)
    return soonest


@rare
def plan(m, i, s, t, now):
    """Set the moments that depend on purchases and points, and the member's next due moment."""
    soonest = NEVER
    for k in range(len(t.timed)):
        soonest = min(soonest, s.wallet[i, t.timed[k]].next + t.incentives[t.timed[k]].unplanned)
    plan_from(m, i, s, t, now, soonest)


@rule
def plan_from(m, i, s, t, now, soonest):
    """The same, where it is known what comes `soonest` of the timed triggers but those that announce the lapse of points."""
    p = t.p[0]
    due = min(soonest, m.pend_day)
    if p.card_days > 0.0:
        due = min(due, m.card_until)
    if p.fee > 0:
        due = min(due, m.fee_until)
    if p.has_refunds == 1:
        due = min(due, m.refund_day)
    if p.expiry == INACTIVE and m.balance > 0:
        due = min(due, max(now, lapse_at(m, t)))
    if p.has_incentives == 1:
        due = min(due, m.pull_until)
        if len(t.expiring) > 0:
            due = min(due, announced(m, i, s, t, lapse_at(m, t), now))
    m.due = due


@rare
def begin(m, i, s, t):
    """The moments of every timed trigger at the start of a run that a member does not begin."""
    for j in range(len(t.incentives)):
        x = t.incentives[j]
        if x.timed == 1:
            s.wallet[i, j].next = next_moment(m, i, s, t, j, -1e-9)
    for k in range(len(t.tasks)):
        if s.wallet[i, t.tasks[k]].next >= NEVER:  # they come from a live programme, or the incentive is new
            next_task(m, i, s, t, t.tasks[k], 0.0)
    see_tasks(m, i, s, t)
    for k in range(len(t.coupons)):
        s.wallet[i, t.coupons[k]].pull = pull_of(m, t, t.coupons[k])
    see_coupons(m, i, s, t, 0.0)  # of a programme without any they see none
    plan(m, i, s, t, 0.0)


@rule
def bought(m, i, s, t, now):
    """A purchase restarts the clock of inactivity."""
    for k in range(len(t.waiting)):
        j = t.waiting[k]
        s.wallet[i, j].next = max(now + t.incentives[j].days, t.incentives[j].valid_from)


@rule
def moments(m, i, s, t, now, month, cell):
    """Everything of the incentive table that falls due at `now`, in the order of the table; returns what comes next of it, but
    for those that announce the lapse of points."""
    soonest = NEVER
    for k in range(len(t.timed)):
        j = t.timed[k]
        if s.wallet[i, j].next <= now:
            x = t.incentives[j]
            reaches = x.message == 0 or m.muted == 0
            if x.event == POINTS_EXPIRING:
                s.wallet[i, j].mark = lapse_at(m, t)
                reaches = reaches and s.wallet[i, j].mark < NEVER  # they have lapsed at this very moment
            if reaches and grant(m, i, s, t, j, now, month, cell) and x.message == 1:
                send(m, i, s, t, j, now, cell)
            if x.event == POINTS_EXPIRING:  # a grant does not announce itself
                s.wallet[i, j].mark = lapse_at(m, t)
            s.wallet[i, j].next = next_moment(m, i, s, t, j, now)
        soonest = min(soonest, s.wallet[i, j].next + t.incentives[j].unplanned)
    if m.pull_until <= now:
        see_coupons(m, i, s, t, now)
    return soonest


@rare
def call(m, i, s, t, j, now, month, cell):
    """Calendar incentive `j` is announced, or gives what it gives, at a moment of the timetable."""
    x = t.incentives[j]
    if m.enrolled == 0 or (x.message == 1 and m.muted == 1):
        return
    if grant(m, i, s, t, j, now, month, cell):
        if x.message == 1:
            send(m, i, s, t, j, now, cell)
        if x.gives == 1:
            plan(m, i, s, t, now)


@rare
def sign_up(m, i, s, t, now, month, cell):
    """Joining the programme: what it gives at once, and the first moments of every timed trigger."""
    s.cube[cell, tally.JOINED] += 1
    for k in range(len(t.tasks)):
        next_task(m, i, s, t, t.tasks[k], now)
    see_tasks(m, i, s, t)
    for j in range(len(t.incentives)):
        x = t.incentives[j]
        if x.event == SIGN_UP:
            if grant(m, i, s, t, j, now, month, cell) and x.message == 1:
                send(m, i, s, t, j, now, cell)
        if x.timed == 1:
            if x.event == INACTIVITY:
                s.wallet[i, j].next = max(m.last_buy + x.days, max(now, x.valid_from))
            elif x.event == BIRTHDAY:
                s.wallet[i, j].next = max(now, birthday_after(m, t, now - x.before - 1e-9, x.before))
            else:
                s.wallet[i, j].next = next_moment(m, i, s, t, j, now)


@rule
def next_task(m, i, s, t, j, now):
    """Set the moment of the member's next task of incentive `j` after `now`: a Poisson stream of the member's own."""
    w = s.wallet[i, j]
    u, _, _, _ = incentive_uniforms(t.p[0].seed, m.key, w.acc, TASK, t.incentives[j].luck)
    w.acc += 1
    w.next = now - t.incentives[j].gap * log(u)


@rule
def see_tasks(m, i, s, t):
    """When the member does the first of their next tasks."""
    first = NEVER
    for k in range(len(t.tasks)):
        first = min(first, s.wallet[i, t.tasks[k]].next)
    m.task = first


@rare
def tasks(m, i, s, t, now, month, cell):
    """At a month end: what an active member gets for the tasks done in the month. Those of lapsed members go by undone."""
    if m.alive == 0 and t.p[0].may_return == 0:
        return
    done = False
    for k in range(len(t.tasks)):
        j = t.tasks[k]
        while s.wallet[i, j].next < now:
            moment = s.wallet[i, j].next
            if m.alive == 1 and t.incentives[j].valid_from <= moment < t.incentives[j].valid_until:
                done = grant(m, i, s, t, j, now, month, cell) or done
            next_task(m, i, s, t, j, moment)
    see_tasks(m, i, s, t)
    if done:
        plan(m, i, s, t, now)
