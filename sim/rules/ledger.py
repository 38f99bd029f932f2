"""Points: exact integers in lots by month of credit, spent first in, first out. balance = sum of the open lots, always."""

from __future__ import annotations

from sim import tally
from sim.compiled import rare, rule
from sim.member import NEVER
from sim.state import C_CLAWED_BACK, C_EXPIRED, C_ISSUED
from sim.tables import LEAVE, NEVER_LAPSE, ON_DATE, OWE, ROLLING


@rule
def issue(s, t, credited, tier, month, points):
    """Note points issued in `month`, at `tier`, that are credited in month `credited`, where cohorts are kept."""
    if t.p[0].cohorts == 1:
        s.cohorts[credited + t.p[0].past, month, tier, C_ISSUED] += points


@rare
def taken_out(i, s, t, pool, slot, credited, month, column, points):
    """Note what happens in `month` to points credited in month `credited`, of the lot at `slot` of `pool` (s.lot_tiers or
    s.pend_tiers). Of a lot, points of the lowest tier of earning go first."""
    tiers = len(t.tiers)
    for tier in range(tiers):
        part = min(points, pool[i, slot * tiers + tier])
        pool[i, slot * tiers + tier] -= part
        s.cohorts[credited + t.p[0].past, month, tier, column] += part
        points -= part


@rule
def credited_at(t, day):
    """Month in which points that become spendable on a whole `day` are credited; all days after the run are one month."""
    return t.days[int(day)].month if day < t.p[0].end else len(t.months)


@rule
def credit(m, i, s, t, points, tier, month, cell):
    """Open or enlarge the lot of `month` by points earned at `tier`, with what is left when points that are owed are repaid."""
    if m.debt > 0:
        points -= repay(m, s, t, points, tier, month, cell)
    if points > 0:
        if m.balance == 0:
            m.oldest = month
        slot = t.months[month].lot
        s.lots[i, slot] += points
        m.balance += points
        if t.p[0].cohorts == 1:
            s.lot_tiers[i, slot * len(t.tiers) + tier] += points


@rule
def earn(m, i, s, t, points, now, month, cell):
    """Points earned at `now`: credited at once, or pending for whole days."""
    s.cube[cell, tally.POINTS_ISSUED] += points
    days = t.p[0].pending_days
    if days == 0:
        credit(m, i, s, t, points, m.tier, month, cell)
        issue(s, t, month, m.tier, month, points)
    elif points > 0:
        due = int(now) + days
        slot = due % (days + 1)
        issue(s, t, credited_at(t, due), m.tier, month, points)
        s.pend[i, slot] += points
        if t.p[0].cohorts == 1:
            s.pend_tiers[i, slot * len(t.tiers) + m.tier] += points
        if m.pending == 0:
            m.pend_day = due
        m.pending += points


@rare
def mature(m, i, s, t, now, month, cell):
    """Credit the pending points whose day has come."""
    days = t.p[0].pending_days
    while m.pending > 0 and m.pend_day <= now:
        slot = int(m.pend_day) % (days + 1)
        points = s.pend[i, slot]
        s.pend[i, slot] = 0
        m.pending -= points
        if t.p[0].cohorts == 1:
            for tier in range(len(t.tiers)):
                part = s.pend_tiers[i, slot * len(t.tiers) + tier]
                s.pend_tiers[i, slot * len(t.tiers) + tier] = 0
                credit(m, i, s, t, part, tier, month, cell)
        else:
            credit(m, i, s, t, points, m.tier, month, cell)
        m.pend_day += 1.0
    await_pending(m, i, s, t)


@rare
def await_pending(m, i, s, t):
    """Look for the first day, from `pend_day` on, on which points become spendable."""
    days = t.p[0].pending_days
    if m.pending == 0:
        m.pend_day = NEVER
    else:
        last = m.pend_day + days
        while m.pend_day < last and s.pend[i, int(m.pend_day) % (days + 1)] == 0:
            m.pend_day += 1.0


@rule
def to_open_lot(m, i, s, t):
    """On to the oldest lot that holds anything. Lots that do not hold the balance are a broken rule, on which no run may hang:
    they are gone through once."""
    slots = t.p[0].slots
    last = m.oldest + slots
    while m.balance > 0 and s.lots[i, m.oldest % slots] == 0 and m.oldest < last:
        m.oldest += 1


@rare
def burn(m, i, s, t, points, month, column):
    """Take `points` (at most the balance) from the oldest lots; `column` of the cohorts says what for."""
    m.balance -= points
    slots = t.p[0].slots
    last = m.oldest + slots
    while points > 0 and m.oldest < last:
        slot = m.oldest % slots
        taken = min(points, s.lots[i, slot])
        s.lots[i, slot] -= taken
        points -= taken
        if t.p[0].cohorts == 1:
            taken_out(i, s, t, s.lot_tiers, slot, m.oldest, month, column, taken)
        if s.lots[i, slot] == 0 and (points > 0 or m.balance > 0):
            m.oldest += 1
    to_open_lot(m, i, s, t)


@rare
def repay(m, s, t, points, tier, month, cell):
    """Of `points` earned at `tier` and credited in `month`, how many repay what is owed."""
    taken = min(m.debt, points)
    m.debt -= taken
    s.cube[cell, tally.POINTS_CLAWED_BACK] += taken
    if t.p[0].cohorts == 1:
        s.cohorts[month + t.p[0].past, month, tier, C_CLAWED_BACK] += taken
    return taken


@rare
def claw_back(m, i, s, t, points, day, lot, now, month, cell):
    """Take back points that became spendable on `day` in month `lot`, or will: from the pending points of that day; else from the
    lot they went into, where it is still open, for these are the very points; then from the oldest lots, as spending does. What
    is missing is owed where the programme says so."""
    p = t.p[0]
    if p.clawback == LEAVE:
        return
    left = points
    if day >= now:  # what is returned on a day goes before the points of that day become spendable
        slot = int(day) % (p.pending_days + 1)
        taken = min(left, s.pend[i, slot])
        if taken > 0:
            s.pend[i, slot] -= taken
            m.pending -= taken
            left -= taken
            if p.cohorts == 1:
                taken_out(i, s, t, s.pend_tiers, slot, credited_at(t, day), month, C_CLAWED_BACK, taken)
            await_pending(m, i, s, t)
    elif m.balance > 0 and lot >= m.oldest:
        taken = min(left, s.lots[i, lot % p.slots])
        s.lots[i, lot % p.slots] -= taken
        m.balance -= taken
        left -= taken
        if p.cohorts == 1:
            taken_out(i, s, t, s.lot_tiers, lot % p.slots, lot, month, C_CLAWED_BACK, taken)
        to_open_lot(m, i, s, t)
    taken = min(left, m.balance)
    if taken > 0:
        burn(m, i, s, t, taken, month, C_CLAWED_BACK)
        left -= taken
    s.cube[cell, tally.POINTS_CLAWED_BACK] += points - left
    if p.clawback == OWE:
        m.debt += left


@rule
def lapse_month(m, t):
    """Month at whose end the oldest open lot lapses, by the calendar; -1 = it does not. What is overdue when a run begins
    lapses with its first month."""
    p = t.p[0]
    if m.balance == 0 or p.expiry == NEVER_LAPSE:
        return -1
    month = max(0, m.oldest + p.expiry_months + m.longer)
    if p.expiry == ROLLING:
        return month
    if p.expiry == ON_DATE:
        return month + (p.expiry_month - t.months[0].number - month) % 12
    return -1


@rare
def lapse_at(m, t):
    """Moment at which points of the member lapse next, if they do nothing."""
    p = t.p[0]
    if m.balance == 0 or p.expiry == NEVER_LAPSE:
        return NEVER
    if p.expiry == ROLLING or p.expiry == ON_DATE:
        month = lapse_month(m, t)
        return t.starts[month + 1] if month + 1 < len(t.starts) else NEVER
    return max(m.last_buy, m.joined) + 30.0 * (p.expiry_months + m.longer)


@rare
def lapse_lots(m, i, s, t, month, cell):
    """At the end of `month`: lots whose time is up leave the balance."""
    slots = t.p[0].slots
    while m.balance > 0:
        lapses = lapse_month(m, t)
        if lapses < 0 or lapses > month:
            break
        slot = m.oldest % slots
        gone = s.lots[i, slot]
        s.lots[i, slot] = 0
        m.balance -= gone
        m.head = 0  # points given on joining are the oldest
        s.cube[cell, tally.POINTS_EXPIRED] += gone
        if t.p[0].cohorts == 1:
            taken_out(i, s, t, s.lot_tiers, slot, m.oldest, month, C_EXPIRED, gone)
        to_open_lot(m, i, s, t)


@rare
def lapse_all(m, i, s, t, month, cell):
    """Every point, the pending ones too, leaves the member."""
    if t.p[0].cohorts == 1:
        for k in range(m.oldest, m.oldest + t.p[0].slots):
            if m.balance > 0 and s.lots[i, k % t.p[0].slots] > 0:
                taken_out(i, s, t, s.lot_tiers, k % t.p[0].slots, k, month, C_EXPIRED, s.lots[i, k % t.p[0].slots])
        days = t.p[0].pending_days
        if m.pending > 0:
            for day in range(int(m.pend_day), int(m.pend_day) + days + 1):
                slot = day % (days + 1)
                if s.pend[i, slot] > 0:
                    taken_out(i, s, t, s.pend_tiers, slot, credited_at(t, day), month, C_EXPIRED, s.pend[i, slot])
    for k in range(t.p[0].slots):
        s.lots[i, k] = 0
    for k in range(t.p[0].pending_days + 1):
        s.pend[i, k] = 0
    s.cube[cell, tally.POINTS_EXPIRED] += m.balance + m.pending
    m.head = 0
    m.balance = 0
    m.pending = 0
    m.pend_day = NEVER
