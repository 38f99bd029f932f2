"""Moving between tiers."""

from __future__ import annotations

from sim import tally
from sim.compiled import rare, rule
from sim.member import LONG_AGO
from sim.tables import BLOCKS, FULL, ROLLING_WINDOW, STAY


@rule
def reached(m, t):
    """The highest tier whose every requirement the qualifying figures meet."""
    k = len(t.tiers) - 1
    while k > 0:
        x = t.tiers[k]
        if (
            (x.spend < 0 or m.spend_q >= x.spend)
            and (x.points < 0 or m.points_q >= x.points)
            and (x.purchases < 0 or m.count_q >= x.purchases)
        ):
            return k
        k -= 1
    return 0


@rule
def qualify(m, i, s, t, amount, month):
    """Count a purchase towards tiers: its amount and itself."""
    p = t.p[0]
    m.spend_q += amount
    m.count_q += 1
    if p.window == ROLLING_WINDOW:
        slot = s.quals[i, t.months[month].slot]
        slot.spend += amount
        slot.count += 1


@rule
def qualify_points(m, i, s, t, points, month):
    """Count the points of a purchase towards tiers."""
    p = t.p[0]
    m.points_q += points
    if p.window == ROLLING_WINDOW:
        s.quals[i, t.months[month].slot].points += points


@rare
def unqualify(m, i, s, t, x, month):
    """Take purchases that are returned (`x`, a REFUND) out of the qualification window, if they are still in it."""
    p = t.p[0]
    if p.window == ROLLING_WINDOW:
        if month - x.month >= p.window_months:
            return
        slot = s.quals[i, x.month % p.window_months]
        slot.spend -= x.spend_q
        slot.points -= x.points_q
        slot.count -= x.count_q
    m.spend_q -= x.spend_q
    m.points_q -= x.points_q
    m.count_q -= x.count_q


@rare
def forget(m, i, s):
    """Nothing counts towards tiers any more: neither what was bought nor what of it will be returned."""
    m.spend_q = 0
    m.points_q = 0
    m.count_q = 0
    for k in range(s.refunds.shape[1] if s.refunds.shape[0] > 0 else 0):
        x = s.refunds[i, k]
        x.spend_q = 0
        x.points_q = 0
        x.count_q = 0


@rule
def promote(m, s, tier, cell):
    """Lift the member to a higher tier."""
    m.tier = tier
    m.failed = -1
    m.demoted_at = LONG_AGO
    s.cube[cell, tally.UPGRADES] += 1


@rare
def review(m, s, t, now, month, cell):
    """Tier review at a month end: down as the programme says, after grace; returns the tier the member qualifies for."""
    p = t.p[0]
    earned = reached(m, t)
    if earned == m.tier:
        m.failed = -1
    elif earned < m.tier and p.downgrade != STAY:
        if m.failed < 0:
            m.failed = month + p.month_zero
        if month + p.month_zero - m.failed >= p.grace:
            m.tier = earned if p.downgrade == FULL else m.tier - 1
            m.failed = -1
            if m.aware == 1:  # nobody feels, then or later, the loss of what they did not know of
                m.demoted_at = now
            s.cube[cell, tally.DOWNGRADES] += 1
    return earned


@rule
def roll(m, i, s, t, month):
    """After the close of `month`: what falls out of the qualification window."""
    p = t.p[0]
    if p.window == BLOCKS:
        if t.months[month].block_ends == 1:
            forget(m, i, s)
    elif p.window == ROLLING_WINDOW:
        k = t.months[month].slot + 1
        slot = s.quals[i, k if k < p.window_months else 0]
        m.spend_q -= slot.spend
        m.points_q -= slot.points
        m.count_q -= slot.count
        slot.spend = 0
        slot.points = 0
        slot.count = 0
