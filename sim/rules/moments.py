"""When something of the incentive table happens: timed triggers, the days of the calendar, joining, tasks."""

from __future__ import annotations

from sim import tally
from sim.compiled import rare, rule
from sim.member import NEVER
from sim.rules.ledger import lapse_at
from sim.rules.numbers import log
from sim.rules.wallet import grant, pull_of, see_coupons, send
from sim.rules.words import TASK, incentive_uniforms
from sim.tables import (
    ANNIVERSARY,
    BIRTHDAY,
    INACTIVE,
    INACTIVITY,
    POINTS_EXPIRING,
    SIGN_UP,
)


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
    if p.has_incentives == 1 and len(t.expiring) > 0:
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
